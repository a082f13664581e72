"""Records that must arrive: receipts and dead letters, produced until Kafka has them.

In: bytes for a topic, and what to do when they are safe. Out: that call, once. A record that Kafka does not take within the
producer's time is produced again after half a second, as often as it needs; whoever waits for it waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from connectors.carriers.contract import Unreadable
from infra.kafka.dead_letter import dead_letter
from infra.kafka.outbox import Headers, Outbox
from infra.kafka.records import ConsumerRecord
from infra.telemetry.repeats import Repeats
from schemas.records.codec import DecodeError
from schemas.records.topics import CARRIER_RECEIPTS
from schemas.values.reasons import Reason

AGAIN_SECONDS = 0.5
HEADERS: Headers = (("x-from", b"dispatch"),)
log = structlog.get_logger()


class ReliablePublisher:
    """`open`: records that Kafka does not have yet. `now` in milliseconds since the epoch."""

    def __init__(self, outbox: Outbox, now: Callable[[], int]) -> None:
        self._outbox = outbox
        self._now = now
        self._repeats = Repeats()
        self.open = 0

    def receipts(self, carrier: str, value: bytes, then: Callable[[], None]) -> None:
        """A record of `carrier-receipts`."""
        self.open += 1
        self._post(CARRIER_RECEIPTS, carrier.encode(), value, HEADERS, then)

    def dead_letter(self, record: ConsumerRecord, fault: Exception, code: Reason, then: Callable[[], None]) -> None:
        """The dead letter of a record as it was read, or with a part of it as its value."""
        self.open += 1
        log.warning(
            "a dispatch record becomes a dead letter",
            action="dead_letter",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            code=code,
        )
        topic, key, value, headers, _ = dead_letter(record, fault, code=code, service="dispatch")
        self._post(topic, key, value, headers, then)

    def dead_letter_unreadable(self, carrier: str, what: Unreadable, then: Callable[[], None]) -> None:
        """The dead letter of what a carrier sent and nobody can read: its bytes, which never were in a topic."""
        self.open += 1
        record = ConsumerRecord(CARRIER_RECEIPTS, -1, -1, self._now(), carrier.encode(), what.raw, HEADERS)
        topic, key, value, headers, _ = dead_letter(
            record,
            DecodeError(f"a receipt of {carrier} cannot be read: {what.why}"),
            error_class="UnreadableReceipt",
            code=Reason.UNDECODABLE,
            service="dispatch",
        )
        left_out = self._repeats.left_out(carrier)
        if left_out is not None:
            log.warning(
                "a carrier's receipt cannot be read and becomes a dead letter",
                action="receipt_unreadable",
                carrier=carrier,
                error=what.why,
                bytes=len(what.raw),
                left_out=left_out,
            )
        self._post(topic, key, value, headers, then)

    def _post(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, then: Callable[[], None]) -> None:
        def report(error: str | None, _partition: int, _offset: int) -> None:
            if error is None:
                self.open -= 1
                then()
            else:
                log.warning("a record was not taken, once more", action="post_again", topic=topic, error=error)
                asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._post, topic, key, value, headers, then)

        self._outbox.post(topic, key, value, headers, -1, report)
