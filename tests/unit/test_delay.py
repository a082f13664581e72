"""Delay: nothing leaves early, nothing is committed before it left, poison becomes a dead letter."""

from __future__ import annotations

import pytest

from connectors import look_ahead
from connectors.delay import GIVE_UP, RUNG_OF, longest_wait
from infra.kafka.client import KafkaException
from infra.kafka.outbox import DeliveryError
from schemas.records.codec import decode_as, encode
from schemas.records.examples import CAMPAIGN, CHUNK, slice_of
from schemas.records.wire import Envelope
from tests.support.delay_harness import PLACE, DelayHarness, Message, record


async def test_a_slice_goes_back_to_intake_at_its_time_and_not_before() -> None:
    harness = DelayHarness()
    await harness.read(record(7))
    await harness.after(9.99)
    assert harness.outbox.sent == []
    assert harness.consumer.committed == [7]
    await harness.after(0.01)
    [(topic, key, value, headers)] = harness.outbox.sent
    assert (topic, key) == ("ingest-marketing", CAMPAIGN.encode())
    assert decode_as(value, Envelope).slices == [slice_of(0b010, send=2, attempts=1)]
    assert headers == [("traceparent", b"00-trace"), ("x-from", b"delay")]
    assert harness.consumer.committed == [7, 8]


async def test_a_single_message_is_keyed_by_itself() -> None:
    harness = DelayHarness()
    await harness.read(record(0, 0, campaign=None, chunk="msg_1", lane="otp"))
    assert [(topic, key) for topic, key, _, _ in harness.outbox.sent] == [("ingest-otp", b"msg_1")]


async def test_a_late_record_holds_up_the_commit_and_nothing_else() -> None:
    harness = DelayHarness()
    await harness.read(record(0, 20_000), record(1, 1_000), record(2, 2_000))
    await harness.after(2)
    assert len(harness.outbox.sent) == 2
    assert harness.consumer.committed == [0]
    await harness.after(18)
    assert harness.consumer.committed == [0, 3]


async def test_a_time_far_away_is_cut_to_the_longest_wait() -> None:
    harness = DelayHarness()
    await harness.read(record(0, 10**12))
    await harness.after(longest_wait(RUNG_OF[PLACE[0]]))
    assert len(harness.outbox.sent) == 1


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"poison",
        encode(Envelope(slices=[slice_of()])),
        record(0, lane="express").value(),
        record(0, indexes=b"").value(),
    ],
    ids=["null", "empty", "foreign", "another record", "no lane", "columns"],
)
async def test_poison_is_buried_as_it_was_and_passed(value: bytes | None) -> None:
    harness = DelayHarness()
    await harness.read(Message(3, value), record(4, 0))
    (topic, key, buried, headers), (onward, *_) = harness.outbox.sent
    assert (topic, key, buried, onward) == ("dead-letter", CHUNK.encode(), value, "ingest-marketing")
    told = dict(headers)
    assert told["x-orig-topic"] == PLACE[0].encode()
    assert told["x-orig-offset"] == b"3"
    assert told["x-error-code"] == b"undecodable"
    assert told["x-service"] == b"delay"
    assert harness.consumer.committed == [5]


async def test_poison_that_cannot_be_buried_ends_the_process_uncommitted() -> None:
    harness = DelayHarness()
    harness.outbox.refusal = DeliveryError("away")
    with pytest.raises(DeliveryError):
        await harness.read(Message(3, b"poison"))
    assert harness.consumer.committed == []


async def test_what_kafka_does_not_take_is_offered_again_uncommitted() -> None:
    harness = DelayHarness()
    harness.outbox.refusal = DeliveryError("away")
    await harness.read(record(0, 0))
    await harness.after(GIVE_UP - 1)
    assert harness.consumer.committed == [0]
    harness.outbox.refusal = None
    await harness.after(0)
    assert len(harness.outbox.sent) == 1
    assert harness.consumer.committed == [0, 1]


async def test_a_refusal_that_lasts_ends_the_process() -> None:
    harness = DelayHarness()
    harness.outbox.refusal = DeliveryError("away")
    await harness.read(record(0, 0))
    with pytest.raises(DeliveryError):
        await harness.after(GIVE_UP + 1)


async def test_a_refusal_long_ago_does_not_count() -> None:
    harness = DelayHarness()
    harness.outbox.refusal = DeliveryError("away")
    await harness.read(record(0, 0))
    harness.outbox.refusal = None
    await harness.after(1)
    harness.outbox.refusal = DeliveryError("away")
    harness.consumer.batch = [record(1, 0)]
    await harness.after(GIVE_UP + 1)
    assert harness.consumer.committed == [0, 1]


async def test_a_commit_that_failed_is_tried_again() -> None:
    harness = DelayHarness()
    harness.consumer.refusal = KafkaException("rebalance in progress")
    await harness.read(record(0, 0))
    assert harness.consumer.committed == []
    harness.consumer.refusal = None
    await harness.after(0)
    assert harness.consumer.committed == [1]


async def test_reading_stops_at_a_full_look_ahead_and_goes_on_at_half(monkeypatch: pytest.MonkeyPatch) -> None:
    size = look_ahead.RECORD_BYTES + len(encode(Envelope(slices=[slice_of(0b010, send=2, attempts=1)])))
    monkeypatch.setattr(look_ahead, "PARTITION_BYTES", 4 * size)
    harness = DelayHarness()
    await harness.read(*(record(offset, 1_000 * (offset + 1)) for offset in range(4)))
    await harness.after(0)
    assert harness.consumer.paused
    await harness.after(2)
    await harness.after(0)
    assert harness.consumer.paused
    await harness.after(1)
    await harness.after(0)
    assert not harness.consumer.paused


@pytest.mark.parametrize(("seconds", "paused"), [(0, True), (580, True), (592, False), (600, False)])
async def test_a_long_rung_is_read_no_further_than_what_can_be_due_soon(seconds: float, paused: bool) -> None:
    harness = DelayHarness(("retry-10m-marketing", 1))
    await harness.read(record(0, 600_000 + 9_999, place=("retry-10m-marketing", 1)))
    await harness.after(seconds)
    await harness.after(0)
    assert harness.consumer.paused is paused


async def test_what_was_written_behind_a_late_one_on_a_long_rung_is_in_time() -> None:
    place = ("retry-10m-marketing", 1)
    harness = DelayHarness(place)
    await harness.read(record(0, 600_000 + 9_999, place=place))
    await harness.after(592)
    await harness.read(record(1, 600_000, place=place))
    assert harness.outbox.sent == []
    await harness.after(8)
    assert len(harness.outbox.sent) == 1
    assert harness.consumer.committed == [0]
    await harness.after(10)
    assert harness.consumer.committed == [0, 2]


async def test_a_partition_that_was_lost_and_comes_back_is_resumed_and_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_ahead, "PARTITION_BYTES", 1)
    harness = DelayHarness()
    await harness.read(record(5))
    await harness.after(0)
    assert harness.consumer.paused
    harness.revoke()
    await harness.after(20)
    assert harness.outbox.sent == []
    harness.give()
    await harness.read(record(5, 30_000))
    await harness.after(10)
    assert len(harness.outbox.sent) == 1
    await harness.after(0)
    assert not harness.consumer.paused


async def test_a_record_of_a_partition_that_is_not_ours_is_left_to_its_owner() -> None:
    harness = DelayHarness()
    harness.revoke()
    await harness.read(record(0, 0), Message(1, b"poison"))
    assert harness.outbox.sent == []
    assert harness.consumer.committed == []


async def test_a_passing_error_is_passed_and_another_ends_the_process() -> None:
    harness = DelayHarness()
    await harness.read(Message(0, None, error="_TRANSPORT"), record(0, 0))
    assert len(harness.outbox.sent) == 1
    with pytest.raises(KafkaException, match="_AUTO_OFFSET_RESET"):
        await harness.read(Message(0, None, error="_AUTO_OFFSET_RESET"))
