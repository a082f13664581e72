"""What carriers' connections count is said: the first at once, the rest every ten seconds."""

from __future__ import annotations

from connectors.dispatch.carrier_counters import CarrierCounterLog
from infra.telemetry.metrics import Metrics
from infra.telemetry.repeats import Repeats


class Said:
    """Lines, on a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.lines: list[tuple[object, ...]] = []
        self.metrics = Metrics()
        self.counters = CarrierCounterLog(self.metrics, Repeats(lambda: self.now), self.write)

    def write(self, _sentence: str, **fields: object) -> None:
        self.lines.append(tuple(fields.values()))


def test_the_first_is_said_at_once_and_the_rest_every_ten_seconds() -> None:
    said = Said()
    said.counters.report("acme", {"receipts_put_off": 0, "inbound_refused": 1})
    assert said.lines == [("inbound_refused", "acme", 1, 1)]
    for count in (2, 3):
        said.now += 4
        said.counters.report("acme", {"receipts_put_off": 0, "inbound_refused": count})
    said.counters.report("other", {"inbound_refused": 7})
    assert said.lines[1:] == [("inbound_refused", "other", 7, 7)]
    said.now += 4
    said.counters.report("acme", {"receipts_put_off": 0, "inbound_refused": 3})
    assert said.lines[2:] == [("inbound_refused", "acme", 2, 3)]
    said.now += 60
    said.counters.report("acme", {"receipts_put_off": 0, "inbound_refused": 3})
    assert len(said.lines) == 3, "nothing has happened since"


def test_a_connection_that_was_replaced_counts_on() -> None:
    said = Said()
    said.counters.report("acme", {"late_answers": 5})
    said.now += 60
    said.counters.report("acme", {"late_answers": 2})
    assert said.lines == [("late_answers", "acme", 5, 5), ("late_answers", "acme", 2, 7)]
    assert b'sluice_carrier_notices_total{carrier="acme",kind="late_answers"} 7.0' in said.metrics.render()
