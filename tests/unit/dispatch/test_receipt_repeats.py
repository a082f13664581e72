"""Receipts after an outage: repeats of what Kafka has, and many at once across all chunks."""

from __future__ import annotations

import pytest

from connectors.carriers.contract import Receipt
from connectors.dispatch.receipt_records import ReceiptBatch, ReceiptGroup
from connectors.dispatch.written_receipts import WrittenReceipts
from tests.support.dispatch.receipt_matching import MatcherHarness, messages, receipt, written


async def test_a_repeat_of_what_kafka_has_says_nothing_new() -> None:
    """Until Kafka has the first, only the carrier has it: a repeat is confirmed with it and not before."""
    harness, of = MatcherHarness(), messages()
    harness.matcher.in_flight = lambda destination: False
    harness.matcher.learn("1", of, 1)
    harness.take("first", receipt("1", 1))
    harness.take("while it is gathered", receipt("1", 1))
    await harness.rest()
    harness.take("while Kafka writes it", receipt("1", 1))
    await harness.rest()
    assert [(record.chunk, record.count) for record in harness.written] == [(of.slice.chunk, 1)] and harness.confirmed == []
    harness.kafka_has_all()
    assert sorted(harness.confirmed) == ["first", "while Kafka writes it", "while it is gathered"]
    harness.take("repeat", receipt("1", 1))
    await harness.rest()
    assert len(harness.written) == 1 and harness.confirmed[3:] == ["repeat"]


@pytest.mark.parametrize(
    "other",
    [receipt("1", 1, "UNDELIV"), receipt("1", 2), receipt("1", 1, destination=""), receipt("2", 1)],
    ids=["state", "destination", "no destination", "id"],
)
@pytest.mark.parametrize("kafka_has_it", [True, False])
async def test_what_says_something_else_is_no_repeat(other: Receipt, kafka_has_it: bool) -> None:
    harness, of = MatcherHarness(), messages()
    harness.matcher.in_flight = lambda destination: False
    harness.matcher.learn("1", of, 1)
    harness.take("first", receipt("1", 1))
    await harness.rest()
    if kafka_has_it:
        harness.kafka_has_all()
    harness.take("other", other)
    await harness.rest()
    assert [record.chunk for record in harness.written] == [of.slice.chunk, None]


async def test_an_id_that_the_carrier_uses_again_is_no_repeat() -> None:
    """The newest message of an id comes first: its receipt is its own, to the same destination too."""
    harness, of, later = MatcherHarness(), messages(), messages()
    for batch in (of, later):
        harness.matcher.learn("1", batch, 1)
        harness.take("it", receipt("1", 1))
        await harness.rest()
        harness.kafka_has_all()
    assert [record.chunk for record in harness.written] == [of.slice.chunk, later.slice.chunk]


def test_repeats_are_remembered_for_a_while() -> None:
    known = WrittenReceipts(most=4)
    for first in range(0, 10, 2):
        known.add(group_of(receipt(str(first), 1), receipt(str(first + 1), 1)))
    assert [n for n in range(10) if receipt(str(n), 1) in known] == [6, 7, 8, 9]


def group_of(*receipts: Receipt) -> ReceiptGroup:
    group, batch = ReceiptGroup(), ReceiptBatch(lambda: None, len(receipts))
    for rank, one in enumerate(receipts):
        group.append(batch, one, one.carrier_message_id, rank)
    return group


async def test_receipts_in_any_order_are_gathered_by_chunk_while_many_come() -> None:
    """After an outage the carrier reports across all chunks: a record per chunk, not one for every five hundred receipts."""
    harness, chunks = MatcherHarness(cached=10_000, linger=3600), [messages(size=50) for _ in range(40)]
    for number, of in enumerate(chunks):
        for rank in range(50):
            harness.matcher.learn(f"{number * 50 + rank}", of, rank)
    harness.take("a", receipt("0", 0), *(receipt(str(place), place) for place in range(1, 40)))
    await written(harness)
    harness.kafka_has_all()
    for rank in range(50):
        harness.take("b", *(receipt(str(number * 50 + rank), rank) for number in range(1, 40)))
    harness.matcher.flush()
    assert [record.count for record in harness.written] == [40, *[50] * 39]
