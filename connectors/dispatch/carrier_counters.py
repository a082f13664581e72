"""What carriers' connections count besides results, made visible: receipts that cannot be read, inbound messages refused,
receipts put off, answers that came too late.

In: the counters of each connection, read once a second. Out: the metric `sluice_carrier_notices_total`, and a log line when
one of them grows: the first at once, further
ones every ten seconds with the growth since and the total. A connection that was replaced counts from zero again; its
numbers are added to those of the ones before. Nothing can go wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from infra.telemetry.metrics import Metrics
from infra.telemetry.repeats import Repeats

log = structlog.get_logger()

MESSAGES: Mapping[str, str] = {
    "receipts_unreadable": "receipts cannot be read; their bytes are among the dead letters",
    "inbound_refused": "inbound messages are refused: receiving them is not built",
    "receipts_put_off": "receipts are put off until Kafka has the ones before",
    "late_answers": "answers came after the patience with them had ended",
}


class CarrierCounterLog:
    """Call `report` once a second for each carrier. `totals`: by (carrier, counter)."""

    def __init__(self, metrics: Metrics, repeats: Repeats | None = None, write: Callable[..., object] | None = None) -> None:
        self._metrics = metrics
        self.totals: dict[tuple[str, str], int] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._logged: dict[tuple[str, str], int] = {}
        self._repeats = repeats or Repeats()
        self._log = write or log.warning

    def report(self, carrier: str, counters: Mapping[str, int]) -> None:
        """This is what the connection to this carrier has counted so far."""
        for kind, count in counters.items():
            key = (carrier, kind)
            before = self._counts.get(key, 0)
            if count == before:
                continue
            self._counts[key] = count
            more = count - before if count > before else count
            self.totals[key] = self.totals.get(key, 0) + more
            self._metrics.count("sluice_carrier_notices_total", carrier, kind, by=more)
        self._log_increases(carrier)

    def _log_increases(self, carrier: str) -> None:
        for key, total in self.totals.items():
            more = total - self._logged.get(key, 0)
            if key[0] == carrier and more and self._repeats.left_out(key) is not None:
                self._logged[key] = total
                self._log(
                    MESSAGES.get(key[1], key[1].replace("_", " ")), action=key[1], carrier=carrier, count=more, total=total
                )
