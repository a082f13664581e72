"""Who buries what, and when one bad record after the other is more likely our own fault. No Kafka is asked here."""

from __future__ import annotations

import pytest

from connectors.sinks.contract import RecordError
from connectors.sinks.rejected_records import MOST_IN_A_ROW, RejectedRecords, TooManyRejected, others_dead_letter
from infra.kafka.records import ConsumerRecord
from schemas.records.codec import DecodeError

RECORD = ConsumerRecord(topic="attempts-marketing", partition=0, offset=7, timestamp=0, key=None, value=b"", headers=())


@pytest.mark.parametrize(
    ("topic", "others"),
    [("attempts-otp", True), ("ingest-marketing", True), ("usage", False), ("held", False), ("nobody's", False)],
)
def test_what_every_reader_finds_is_buried_by_one(topic: str, others: bool) -> None:
    assert others_dead_letter(topic) is others


def test_bytes_that_nobody_can_read_end_us_at_last_and_contradictions_never() -> None:
    rejected = RejectedRecords("nobody:1", "attempts")
    for _ in range(3 * MOST_IN_A_ROW):
        rejected.reject(RECORD, RecordError("size: 0"))
    for _ in range(MOST_IN_A_ROW):
        rejected.reject(RECORD, DecodeError("not a Settled"))
    with pytest.raises(TooManyRejected):
        rejected.reject(RECORD, DecodeError("not a Settled"))
    assert rejected.skipped == 4 * MOST_IN_A_ROW
    rejected.reset_run()
    rejected.reject(RECORD, DecodeError("not a Settled"))
