"""Settlement: what each answer of a carrier becomes, and what a replaced owner may no longer say."""

from __future__ import annotations

from array import array
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sinks.held import check_waiting
from schemas.records.codec import decode_as, encode
from schemas.records.slice import Columns, ResumeAt
from schemas.records.wire import (
    Envelope,
    Held,
    Retry,
    Settled,
    Verdict,
)
from schemas.values.positions import everyone
from schemas.values.retry_strategy import RetryStrategy
from streams.memory_runner import MemoryRunner
from tests.support.streams.fakes import CAMPAIGN, CHUNK, NOW, SEALER, TENANT, FakePorts, numbers, slice_of, some
from tests.support.streams.outputs import changes, public, usage
from tests.support.streams.records import OUTCOMES, block_of, returned, started
from tests.support.streams.runs import run_settlement


async def test_a_start_alone_says_sending() -> None:
    assert changes(await run_settlement(started(0b111))) == [("sending", 1, 0b111, "none")]


async def test_a_start_with_its_answer_says_only_the_answer() -> None:
    outputs = await run_settlement(started(0b111), block_of(["sent", "sent", "sent"]))
    assert changes(outputs) == [("sent", 1, 0b111, "none")]
    assert len([o for o in outputs if o.topic.startswith("message-events")]) == 1
    assert usage(outputs) == [(0b111, 0, b"\2\2\2")]


async def test_a_start_with_half_its_answer_is_still_sending_the_rest() -> None:
    half = msgspec.structs.replace(block_of(["sent", "sent"]), size=3)
    assert changes(await run_settlement(started(0b111), half)) == [("sending", 1, 0b100, "none"), ("sent", 1, 0b011, "none")]


async def test_each_answer_has_its_state_its_money_and_its_public_event() -> None:
    outputs = await run_settlement(block_of(["sent", "failed", "transient", "uncertain", "partial"]))
    assert sorted(changes(outputs)) == [
        ("failed", 1, some(1), "carrier_permanent"),
        ("failed", 1, some(4), "partial"),
        ("held", 2, some(2), "carrier_transient"),
        ("sent", 1, some(0), "none"),
        ("uncertain", 1, some(3), "answer_timeout"),
    ]
    assert usage(outputs) == [(some(0, 4), some(1, 2), b"\2\2\2\1")]
    assert {(r.message_id.rsplit("_", 1)[1], r.reason, r.sequence, r.to_hash) for r in public(outputs)} == {
        ("1", "carrier_permanent", 26, b"hash0001".hex()),
        ("4", "partial", 26, b"hash0004".hex()),
    }
    [record] = [decode_as(o.value, Retry) for o in outputs if o.topic == "retry-10s-marketing"]
    again = record.slice
    assert (again.send, again.round, again.attempts, again.resume_at, again.carrier, again.price) == (
        2,
        1,
        1,
        ResumeAt.ROUTE,
        None,
        0,
    )
    assert again.positions == some(2) and again.first_failed_at == NOW
    assert list(array("Q", SEALER.open(again).to)) == numbers(1)


async def test_what_goes_again_for_two_reasons_goes_as_two() -> None:
    block = block_of(["transient", "transient", "sent"], attempts=4)
    throttled = Verdict(outcome="transient", reason="throttled", code="ESME_RMSGQFUL", positions=some(1))
    refused = Verdict(outcome="transient", reason="carrier_transient", code="ESME_RSYSERR", positions=some(0))
    sent = next(one for one in block.verdicts if one.outcome == "sent")
    last = await run_settlement(msgspec.structs.replace(block, verdicts=[throttled, refused, sent]))
    assert sorted(changes(last)) == [
        ("failed", 1, some(0), "attempts_exhausted"),
        ("held", 2, some(1), "throttled"),
        ("sent", 1, some(2), "none"),
    ]
    both = await run_settlement(msgspec.structs.replace(block, verdicts=[throttled, refused, sent], attempts=1))
    assert [o.topic for o in both if o.topic.startswith("retry")] == ["retry-10s-marketing", "retry-1m-marketing"]
    again = [decode_as(o.value, Retry) for o in both if o.topic.startswith("retry")]
    assert [(one.reason, one.slice.positions, one.slice.attempts) for one in again] == [
        ("throttled", some(1), block.rest.attempts if block.rest else 0),
        ("carrier_transient", some(0), (block.rest.attempts if block.rest else 0) + 1),
    ]
    assert [list(array("Q", SEALER.open(one.slice).to)) for one in again] == [[numbers(3)[1]], [numbers(3)[0]]]


async def test_the_strategy_in_the_log_decides_and_a_repeat_decides_alike() -> None:
    block = block_of(["transient", "transient", "sent"], attempts=1)
    verdicts = [
        Verdict(outcome="transient", reason="carrier_transient", code="ESME_RSYSERR", positions=some(0)),
        Verdict(outcome="transient", reason="carrier_transient", code="ESME_RMSGQFUL", positions=some(1)),
        block.verdicts[1],
    ]
    strategy = RetryStrategy(ladder=["10s", "10m"], never=["ESME_RMSGQFUL"])
    logged = decode_as(encode(msgspec.structs.replace(block, verdicts=verdicts, retry=strategy)), Settled)
    outputs = await run_settlement(logged)
    assert sorted(changes(outputs)) == [
        ("failed", 1, some(1), "not_retried"),
        ("held", 2, some(0), "carrier_transient"),
        ("sent", 1, some(2), "none"),
    ]
    assert [o.topic for o in outputs if o.topic.startswith("retry")] == ["retry-10m-marketing"]
    assert usage(outputs) == [(some(2), some(0, 1), b"\2\2\2")], "what is not tried again is given back"
    again = await run_settlement(logged)
    assert changes(again) == changes(outputs) and [r.message_id for r in public(again)] == [
        r.message_id for r in public(outputs)
    ]
    first, repeated = (
        next(decode_as(o.value, Retry) for o in out if o.topic.startswith("retry")) for out in (outputs, again)
    )
    assert (first.not_before, first.slice.send, first.slice.positions) == (repeated.not_before, 2, repeated.slice.positions)
    gone = msgspec.structs.replace(logged, retry=RetryStrategy(attempts=2))
    assert sorted(changes(await run_settlement(gone)))[:2] == [
        ("failed", 1, some(0), "attempts_exhausted"),
        ("failed", 1, some(1), "attempts_exhausted"),
    ]


@pytest.mark.parametrize(
    ("attempts", "topic"),
    [(0, "retry-10s-marketing"), (1, "retry-1m-marketing"), (2, "retry-10m-marketing"), (3, "held")],
)
async def test_what_is_refused_for_the_moment_climbs_the_ladder_into_the_waiting_room(attempts: int, topic: str) -> None:
    outputs = await run_settlement(block_of(["transient"], attempts=attempts))
    assert changes(outputs) == [("held", 2, 1, "carrier_transient")]
    [waiting] = [o for o in outputs if o.topic.startswith(("retry", "held"))]
    assert waiting.topic == topic
    record = decode_as(waiting.value, Held) if topic == "held" else decode_as(waiting.value, Retry)
    assert (record.reason, record.slice.send, record.slice.round, record.slice.holds) == ("carrier_transient", 2, 1, 0)
    assert record.slice.positions == 1 and record.not_before > NOW
    if isinstance(record, Held):
        check_waiting(record)


async def test_a_repeat_puts_the_same_row_into_the_waiting_room() -> None:
    block = block_of(["transient"], attempts=3)
    first, second = [[decode_as(o.value, Held) for o in await run_settlement(block) if o.topic == "held"] for _ in range(2)]
    assert [(r.hold, r.portion, r.not_before, r.slice.send) for r in first] == [
        (r.hold, r.portion, r.not_before, r.slice.send) for r in second
    ]


async def test_a_message_that_went_out_twice_is_uncertain_in_between_and_charged_once() -> None:
    first, second = block_of(["unanswered"]), block_of(["sent"])
    apart = await run_settlement(started(1, size=1), first, started(1, size=1), second, batch=1)
    assert [(status, send) for status, send, _, _ in changes(apart)] == [
        ("sending", 1),
        ("uncertain", 1),
        ("sending", 1),
        ("sent", 1),
    ]
    assert usage(apart) == [(1, 0, b"\2")] and public(apart) == []
    assert usage(await run_settlement(first, started(1, size=1), second)) == [(1, 0, b"\2")]


@pytest.mark.parametrize(("late", "money"), [("sent", (1, 0)), ("failed", (0, 1)), ("transient", (0, 1))])
async def test_a_late_answer_behind_uncertain_has_its_state_and_its_money(late: str, money: tuple[int, int]) -> None:
    outputs = await run_settlement(block_of(["uncertain"]), block_of([late]), batch=1)
    assert [status for status, *_ in changes(outputs)] == ["uncertain", {"transient": "held"}.get(late, late)]
    assert [(charged, refunded) for charged, refunded, _ in usage(outputs)] == [money]
    assert [record.status for record in public(outputs)] == ["failed"] * (late == "failed")


async def test_the_fifth_attempt_is_the_last() -> None:
    outputs = await run_settlement(block_of(["transient", "sent"], attempts=4))
    assert ("failed", 1, some(0), "attempts_exhausted") in changes(outputs)
    assert [o.topic for o in outputs if o.topic.startswith("retry")] == []
    [receipt] = public(outputs)
    assert receipt.to_hash == b"hash0000".hex()
    assert receipt.attempt == 5


@pytest.mark.parametrize(("accepted", "answered"), [(NOW - 9, NOW + 99), (NOW + 60, NOW - 9)])
async def test_a_failure_is_told_of_neither_before_it_was_accepted_nor_after_it_is_recorded(
    accepted: int, answered: int
) -> None:
    block = msgspec.structs.replace(block_of(["failed"]), at=answered, accepted_at=accepted)
    [told] = public(await run_settlement(block))
    assert accepted <= told.occurred_at <= told.recorded_at


async def test_what_nobody_could_open_has_no_hash_and_still_an_end() -> None:
    block = msgspec.structs.replace(block_of(["failed", "failed"]), to_hashes=b"")
    assert [(r.status, r.to_hash) for r in public(await run_settlement(block))] == [("failed", "")] * 2


async def test_client_references_reach_the_public_event() -> None:
    key_id, sealed = SEALER.seal(Columns(to=b"", refs=["r0", "r1"]), tenant=TENANT, campaign=CAMPAIGN, chunk=CHUNK)
    block = msgspec.structs.replace(block_of(["sent", "failed"]), key_id=key_id, sealed_refs=sealed)
    assert [r.client_ref for r in public(await run_settlement(block))] == ["r1"]


async def test_what_a_carrier_that_is_down_had_goes_back_to_intake_under_the_next_number() -> None:
    outputs = await run_settlement(returned("carrier_down"))
    [back] = [s for o in outputs if o.topic == "ingest-marketing" for s in decode_as(o.value, Envelope).slices]
    assert (back.send, back.round, back.attempts, back.holds, back.resume_at) == (2, 0, 0, 0, ResumeAt.ROUTE)
    assert (back.carrier, back.price, back.positions) == ("acme", 700, 0b11) and back.sealed
    assert [o.headers for o in outputs if o.topic == "ingest-marketing"] == [[("x-from", b"streams")]]
    assert changes(outputs) == [("held", 2, 0b11, "carrier_down")]
    assert not usage(outputs) and not [o for o in outputs if o.topic == "held"]


async def test_returned_for_room_waits_under_the_next_number_with_its_reservation() -> None:
    outputs = await run_settlement(returned("no_carrier"))
    [row] = [decode_as(o.value, Held) for o in outputs if o.topic == "held"]
    assert (row.reason, row.slice.holds, row.slice.send, row.slice.round, row.slice.attempts) == ("room", 0, 2, 0, 0)
    assert (row.slice.price, row.slice.carrier, row.cost, row.cheapest) == (700, "acme", 2100, 700)
    assert changes(outputs) == [("held", 2, 0b11, "room")]
    assert usage(outputs) == []


async def test_what_is_returned_in_pieces_waits_in_rows_of_its_own() -> None:
    pieces = [slice_of(numbers(1), positions=some(n), size=3, carrier="acme", price=1, segments=b"\1") for n in range(3)]
    outputs = await run_settlement(*(returned("no_carrier", piece) for piece in pieces))
    rows = [decode_as(o.value, Held) for o in outputs if o.topic == "held"]
    assert len({(row.slice.chunk, row.slice.send, row.hold, row.portion) for row in rows}) == 3


async def test_returned_because_it_is_over_ends_under_the_next_number_with_the_money_back() -> None:
    for reason, status, number in (("canceled", "canceled", 37), ("validity_ended", "expired", 36)):
        outputs = await run_settlement(returned(reason))
        assert changes(outputs) == [(status, 2, 0b11, reason)]
        assert usage(outputs) == [(0, 0b11, b"\1\2")]
        assert [(r.client_ref, r.sequence) for r in public(outputs)] == [("a", number), ("b", number)]


@pytest.mark.parametrize(
    "fault", [{"verdicts": [Verdict(outcome="sent", reason="none", code=None, positions=0b01)]}, {"to_hashes": b"12345678"}]
)
async def test_a_block_that_contradicts_itself_is_buried_and_the_rest_settled(fault: dict[str, Any]) -> None:
    broken = msgspec.structs.replace(block_of(["sent", "sent"]), **fault)
    runner = MemoryRunner(lambda: FakePorts().settlement(), topic="attempts-marketing")
    runner.send(encode(broken))
    runner.send(encode(block_of(["sent"])))
    await runner.drain()
    assert [o.value for o in runner.topics.on("dead-letter")] == [encode(broken)]
    assert changes(runner.topics.written) == [("sent", 1, 1, "none")]


@given(st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=30), st.integers(0, 5))
async def test_every_position_has_one_new_state_and_its_money_once(answers: list[str], attempts: int) -> None:
    first = await run_settlement(started(everyone(len(answers)), size=len(answers)), block_of(answers, attempts))
    second = await run_settlement(started(everyone(len(answers)), size=len(answers)), block_of(answers, attempts))
    assert [(o.topic, o.key) for o in first] == [(o.topic, o.key) for o in second]
    assert changes(first) == changes(second) and public(first) == public(second) and usage(first) == usage(second)
    states = [positions for _, _, positions, _ in changes(first)]
    assert sum(p.bit_count() for p in states) == len(answers)
    assert sum(states) == everyone(len(answers))
    for charged, refunded, segments in usage(first):
        assert charged & refunded == 0
        assert len(segments) == (charged | refunded).bit_count()
        uncertain = sum(1 << n for n, answer in enumerate(answers) if answer in ("uncertain", "unanswered"))
        assert charged | refunded == everyone(len(answers)) & ~uncertain
