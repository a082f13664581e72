"""What everybody else who reads the log of calls makes of messages that a carrier did not take."""

from __future__ import annotations

from msgspec.structs import replace

from connectors.sinks.settled_columns import read_columns
from infra.kafka.records import ConsumerRecord
from infra.verify.calls import CallLog, ChunkCalls
from schemas.records.codec import decode, encode
from schemas.records.wire import Owner, Record, Settled
from streams.cover import check_cover
from streams.settlement import settle_block
from streams.settlement.verdicts import PassedOver
from tests.support.log_records import CHUNK, NOW, TENANT, settled, started


def calls(*records: Record) -> ChunkCalls:
    """What the ledger makes of these records, one after the other."""
    log = CallLog()
    for offset, record in enumerate(records):
        log.read(ConsumerRecord("attempts-marketing", 0, offset, NOW, b"k", encode(record), ()))
    return log.chunks[TENANT, CHUNK]


def an_owner() -> Owner:
    return Owner(owner="o", lane="marketing", at=NOW)


def test_it_travels_as_what_it_is() -> None:
    record = settled({"sent": 0b01, "not_submitted": 0b10})
    assert decode(encode(record)) == record


def test_settlement_passes_over_it() -> None:
    block: Settled = settled({"sent": 0b01, "not_submitted": 0b10})
    for outdated in (False, True):
        outcomes = settle_block.decide(block, outdated=outdated)
        check_cover(block.positions, [one.positions for one in outcomes])
        [passed] = [one for one in outcomes if one.positions == 0b10]
        assert isinstance(passed, PassedOver)


def test_the_sink_stores_neither_an_answer_nor_a_doubt() -> None:
    columns = read_columns(settled({"sent": 0b001, "not_submitted": 0b010, "uncertain": 0b100}))
    assert columns.answered == 0b001
    assert list(columns.uncertain) == [2]
    assert columns.with_id == 0b001


def test_the_ledger_finds_no_fault_in_a_message_that_goes_again() -> None:
    seen = calls(
        an_owner(),
        started(0b1),
        settled({"not_submitted": 0b1}),
        started(0b1),
        settled({"not_submitted": 0b1}),
        an_owner(),
        started(0b1, epoch=5),
        settled({"sent": 0b1}, epoch=5),
    )
    assert (seen.started_again, seen.taken_twice, seen.ever_uncertain, seen.open) == (0, 0, 0, 0)
    assert seen.taken == 0b1


def test_the_ledger_still_finds_a_second_start_without_that_word() -> None:
    seen = calls(an_owner(), started(0b11), settled({"not_submitted": 0b01}), an_owner(), started(0b11, epoch=3))
    assert seen.started_again == 0b10


def two_carriers(*placed: tuple[int, Record]) -> ChunkCalls:
    """Records of the partitions of two carriers, in the order in which they are read."""
    log = CallLog()
    for offset, (partition, record) in enumerate(placed):
        log.read(ConsumerRecord("attempts-marketing", partition, offset, NOW, b"k", encode(record), ()))
    return log.chunks[TENANT, CHUNK]


def test_what_the_next_carrier_took_is_no_fault_of_the_first_ones_start_whichever_is_read_first() -> None:
    first: list[tuple[int, Record]] = [(1, started(0b1)), (1, settled({"not_submitted": 0b1}))]
    second: list[tuple[int, Record]] = [(2, replace(started(0b1), send=2)), (2, replace(settled({"sent": 0b1}), send=2))]
    for order in ([*first, *second], [*second, *first]):
        seen = two_carriers(*order)
        assert (seen.started_again, seen.taken_twice, seen.open, seen.taken) == (0, 0, 0, 0b1)


def test_what_the_first_carrier_took_may_not_start_at_the_next_whichever_is_read_first() -> None:
    first: list[tuple[int, Record]] = [(1, started(0b1)), (1, settled({"sent": 0b1}))]
    second: list[tuple[int, Record]] = [(2, replace(started(0b1), send=2))]
    for order in ([*first, *second], [*second, *first]):
        assert two_carriers(*order).started_again == 0b1


def test_an_old_owners_late_word_excuses_nothing() -> None:
    seen = calls(an_owner(), started(0b1), an_owner(), settled({"not_submitted": 0b1}), started(0b1, epoch=2))
    assert seen.started_again == 0b1


def test_it_is_no_segment_of_the_carriers_rate() -> None:
    log = CallLog()
    records: list[Record] = [an_owner(), started(0b11), settled({"not_submitted": 0b10, "sent": 0b01})]
    for offset, record in enumerate(records):
        log.read(ConsumerRecord("attempts-marketing", 0, offset, NOW, b"k", encode(record), ()))
    assert log.pace == {"acme": {NOW // 1000: 1}}
