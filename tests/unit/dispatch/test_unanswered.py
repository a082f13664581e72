"""What everybody else who reads the log of calls makes of messages that go out once more, and of late answers."""

from __future__ import annotations

import pytest

from connectors.sinks.settled_columns import read_columns
from infra.kafka.records import ConsumerRecord
from infra.verify.calls import CallLog, ChunkCalls
from schemas.records.codec import decode, encode
from schemas.records.wire import Owner, Record
from streams.cover import check_cover
from streams.settlement import settle_block
from streams.settlement.verdicts import Uncertain
from tests.support.log_records import CHUNK, NOW, TENANT, settled, started

AN_OWNER = Owner(owner="o", lane="otp", at=NOW)


def calls(*records: Record) -> ChunkCalls:
    """What the ledger makes of these records, one after the other."""
    log = CallLog()
    for offset, record in enumerate(records):
        log.read(ConsumerRecord("attempts-otp", 0, offset, NOW, b"k", encode(record), ()))
    return log.chunks[TENANT, CHUNK]


def faults(lane: str, *steps: tuple[str, int]) -> tuple[int, int]:
    """(started again without need, taken twice) after these steps of position 0: what happened, by which epoch."""
    records: list[Record] = [
        AN_OWNER
        if what == "owner"
        else started(1, epoch=epoch, lane=lane)
        if what == "started"
        else settled({what: 1}, epoch=epoch, lane=lane)
        for what, epoch in steps
    ]
    seen = calls(*records)
    return seen.started_again, seen.taken_twice


def test_it_travels_as_what_it_is() -> None:
    record = settled({"sent": 0b01, "unanswered": 0b10})
    assert decode(encode(record)) == record


def test_settlement_calls_it_uncertain() -> None:
    block = settled(
        {"sent": 0b01, "unanswered": 0b10},
    )
    block.verdicts[1] = type(block.verdicts[1])(outcome="unanswered", reason="answer_timeout", code=None, positions=0b10)
    for outdated in (False, True):
        outcomes = settle_block.decide(block, outdated=outdated)
        check_cover(block.positions, [one.positions for one in outcomes])
        [passed] = [one for one in outcomes if one.positions == 0b10]
        assert isinstance(passed, Uncertain)


def test_the_sink_keeps_it_among_the_uncertain() -> None:
    columns = read_columns(settled({"sent": 0b001, "unanswered": 0b010, "uncertain": 0b100}))
    assert columns.answered == 0b001 and list(columns.uncertain) == [1, 2]


FIRST = (("owner", 0), ("started", 0), ("unanswered", 0))
LOST = (("owner", 0), ("started", 0), ("owner", 0))


@pytest.mark.parametrize(
    "steps",
    [
        (*FIRST, ("started", 0), ("sent", 0)),
        (*FIRST, ("started", 0), ("not_submitted", 0), ("started", 0), ("sent", 0)),
        (*FIRST, ("started", 0), ("uncertain", 0), ("sent", 0)),
        (*FIRST, ("owner", 0), ("started", 3), ("sent", 3)),
        (*LOST, ("started", 2), ("sent", 2)),
        (*LOST, ("sent", 0), ("started", 2), ("sent", 2)),
        (*LOST, ("unanswered", 0), ("started", 2), ("sent", 2)),
    ],
)
def test_the_ledger_allows_urgent_lanes_one_more_try(steps: tuple[tuple[str, int], ...]) -> None:
    assert faults("otp", *steps) == (0, 0)


@pytest.mark.parametrize(
    "steps",
    [
        (*FIRST, ("started", 0), ("owner", 0), ("started", 4)),
        (*FIRST, ("owner", 0), ("started", 3), ("owner", 0), ("started", 5)),
        (*LOST, ("started", 2), ("owner", 0), ("started", 4)),
        (*LOST, ("started", 2), ("unanswered", 2), ("started", 2)),
        (("owner", 0), ("started", 0), ("uncertain", 0), ("started", 0)),
        (("owner", 0), ("started", 0), ("sent", 0), ("started", 0)),
    ],
)
def test_the_ledger_finds_one_try_too_many(steps: tuple[tuple[str, int], ...]) -> None:
    assert faults("otp", *steps)[0] == 1


def test_two_answers_of_a_message_that_was_never_uncertain_are_a_fault() -> None:
    assert faults("otp", ("owner", 0), ("started", 0), ("sent", 0), ("sent", 0))[1] == 1
    assert faults("otp", *FIRST, ("started", 0), ("sent", 0), ("sent", 0))[1] == 0


def test_marketing_has_no_second_try() -> None:
    assert faults("marketing", *FIRST, ("started", 0))[0] == 1
    assert faults("marketing", ("owner", 0), ("started", 0), ("uncertain", 0), ("sent", 0)) == (0, 0)
