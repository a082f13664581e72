"""Intake: what leaves for each kind of slice, that a repeat says the same, and that nothing falls through."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.kafka.records import ProducerRecord
from schemas.records.slice import Columns, ResumeAt, Slice, check_slice
from schemas.rules.waiting_room import portion
from schemas.values.positions import everyone
from streams.memory_runner import MemoryRunner
from tests.support.streams.fakes import (
    CAMPAIGN,
    CHUNK,
    NOW,
    SEALER,
    TENANT,
    CarrierFact,
    FakePorts,
    RouteFact,
    TenantFact,
    envelope,
    numbers,
    slice_of,
    some,
)
from tests.support.streams.outputs import changes, dispatched, held, public, used
from tests.support.streams.runs import run_intake


@pytest.fixture
def fakes() -> FakePorts:
    made = FakePorts()
    made.run()
    return made


async def test_a_chunk_goes_to_its_carrier_unopened(fakes: FakePorts) -> None:
    chunk = slice_of(numbers(500))
    outputs = await run_intake(fakes, chunk)
    [going] = dispatched(outputs)
    assert (going.carrier, going.price, going.segments, going.sealed) == ("acme", 700, b"\1" * 500, chunk.sealed)
    assert [o.partition for o in outputs if o.topic == "dispatch-marketing"] == [3]
    assert [o.key for o in outputs if o.topic == "dispatch-marketing"] == [b"3"]
    assert changes(outputs) == [("queued", 1, everyone(500), "none")]
    assert len(outputs) == 2
    assert fakes.reserved == {(TENANT, CHUNK, 0): everyone(500)}


async def test_a_draft_waits_without_an_event(fakes: FakePorts) -> None:
    fakes.run("draft")
    outputs = await run_intake(fakes, slice_of(numbers(3)))
    [row] = held(outputs)
    assert (row.reason, row.slice.sealed, row.slice.resume_at) == ("draft", b"", ResumeAt.PARTITION)
    assert len(outputs) == 1


async def test_an_unread_version_is_waited_for_and_then_held(fakes: FakePorts) -> None:
    fakes.run(version=1)
    outputs = await run_intake(fakes, slice_of(numbers(2)), slice_of(numbers(2), chunk=CHUNK[:-1] + "1"))
    assert fakes.waits == [(CAMPAIGN, 2)]
    assert [row.reason for row in held(outputs)] == ["draft", "draft"]
    assert len(outputs) == 2


async def test_an_unlisted_part_leaves_no_trace(fakes: FakePorts) -> None:
    fakes.run(parts=[7])
    assert await run_intake(fakes, slice_of(numbers(3))) == []
    assert fakes.reserved == {}


async def test_a_canceled_campaign_ends_its_messages(fakes: FakePorts) -> None:
    fakes.run("canceled", version=3)
    outputs = await run_intake(fakes, slice_of(numbers(2), refs=["a", None]))
    assert changes(outputs) == [("canceled", 1, 0b11, "canceled")]
    assert [(r.status, r.client_ref, r.sequence, r.message_id) for r in public(outputs)] == [
        ("canceled", "a", 21, f"msg_{CAMPAIGN[4:]}_0_0"),
        ("canceled", None, 21, f"msg_{CAMPAIGN[4:]}_0_1"),
    ]
    assert public(outputs)[0].to_hash == SEALER.hash_destinations(array("Q", numbers(1)).tobytes()).hex()
    assert used(outputs) == []


async def test_what_was_reserved_before_is_given_back_at_the_end(fakes: FakePorts) -> None:
    fakes.run("canceled", version=3)
    outputs = await run_intake(
        fakes, slice_of(numbers(2), resume_at=ResumeAt.ROUTE, price=700, segments=b"\1\2", carrier="acme", lease="l")
    )
    [usage] = used(outputs)
    assert (usage.refunded, usage.charged, usage.segments, usage.lease, usage.price) == (0b11, 0, b"\1\2", "l", 700)


async def test_expired_before_it_was_sent(fakes: FakePorts) -> None:
    outputs = await run_intake(fakes, slice_of(numbers(1), expires_at=NOW))
    assert changes(outputs) == [("expired", 1, 1, "validity_ended")]
    assert [r.status for r in public(outputs)] == ["expired"]


async def test_faulty_positions_are_rejected_and_the_rest_goes(fakes: FakePorts) -> None:
    chunk = slice_of([4915112340000, 5, 4915112340002], body="hi {{name}}", variables={"name": ["A", "B", None]})
    outputs = await run_intake(fakes, chunk)
    [going] = dispatched(outputs)
    check_slice(going)
    assert going.positions == some(0)
    assert list(array("Q", SEALER.open(going).to)) == [4915112340000]
    assert sorted(changes(outputs)) == [
        ("queued", 1, 1, "none"),
        ("rejected", 1, 2, "bad_destination"),
        ("rejected", 1, 4, "missing_variable"),
    ]
    assert {(r.message_id[-1], r.reason) for r in public(outputs)} == {("1", "bad_destination"), ("2", "missing_variable")}


async def test_each_carrier_gets_its_own_and_each_price_its_own_reservation(fakes: FakePorts) -> None:
    fakes.carriers["other"] = CarrierFact(partition=5)
    fakes.routes = [
        RouteFact(prefix="", carriers=("acme",), price=700),
        RouteFact(prefix="+33", carriers=("other",), price=900),
    ]
    outputs = await run_intake(fakes, slice_of([4915112340000, 33123456789, 4915112340001]))
    slices = {s.carrier: s for s in dispatched(outputs)}
    assert slices["acme"].positions == some(0, 2) and slices["acme"].round == 0
    assert slices["other"].positions == some(1) and (slices["other"].round, slices["other"].price_class) == (0, 1)
    assert list(array("Q", SEALER.open(slices["other"]).to)) == [33123456789]
    assert sum(o.topic.startswith("message-events") for o in outputs) == 1


async def test_the_carrier_written_first_is_taken_on_a_repeat(fakes: FakePorts) -> None:
    fakes.carriers["first"] = CarrierFact(partition=6)
    fakes.assigned[CHUNK, 1] = {"first": some(1), "acme": some(0, 2)}
    outputs = await run_intake(fakes, slice_of(numbers(3)))
    assert {s.carrier: s.positions for s in dispatched(outputs)} == {"first": some(1), "acme": some(0, 2)}


async def test_short_of_money_waits_or_is_refused(fakes: FakePorts) -> None:
    fakes.money = 1500
    outputs = await run_intake(fakes, slice_of(numbers(4)))
    assert dispatched(outputs)[0].positions == some(0, 1)
    [row] = held(outputs)
    assert (row.reason, row.slice.positions, row.cost, row.cheapest) == ("balance", some(2, 3), 1400, 700)
    assert list(array("I", row.slice.indexes)) == [2, 3]
    assert ("held", 1, some(2, 3), "balance") in changes(outputs)
    fakes.tenants[TENANT] = TenantFact(balance_short="reject")
    fakes.money = 0
    outputs = await run_intake(fakes, slice_of(numbers(1), send=2, round=1))
    assert changes(outputs) == [("rejected", 2, 1, "insufficient_balance")]


async def test_short_of_room_waits_in_order_with_its_price(fakes: FakePorts) -> None:
    fakes.room = 3
    outputs = await run_intake(fakes, slice_of(numbers(2)), slice_of(numbers(3), chunk=CHUNK[:-1] + "1"))
    assert [s.positions for s in dispatched(outputs)] == [0b11, 0b1]
    [row] = held(outputs)
    assert (row.reason, row.slice.positions, row.slice.carrier, row.slice.price, row.slice.resume_at) == (
        "room",
        0b110,
        "acme",
        700,
        ResumeAt.ROUTE,
    )
    assert row.slice.segments == b"\1\1"


async def test_a_later_send_waits_whole(fakes: FakePorts) -> None:
    fakes.room = 1
    outputs = await run_intake(
        fakes, slice_of(numbers(2), send=2, resume_at=ResumeAt.ROUTE, segments=b"\1\1", holds=5, round=1)
    )
    [row] = held(outputs)
    assert row.hold == 5
    assert list(array("Q", SEALER.open(row.slice).to)) == numbers(2)[1:]
    assert fakes.reserved == {(TENANT, CHUNK, 1): 0b11}


async def test_parts_of_one_send_that_wait_at_once_are_rows_of_their_own(fakes: FakePorts) -> None:
    fakes.money, fakes.room = 1400, 1
    outputs = await run_intake(fakes, slice_of(numbers(4)))
    rows = held(outputs)
    assert [(row.reason, row.slice.positions) for row in rows] == [("balance", some(2, 3)), ("room", some(1))]
    assert (rows[0].hold, rows[1].hold) == (0, 0) and rows[0].portion != rows[1].portion


@given(st.lists(st.integers(1, 2**500 - 1), min_size=1, max_size=8))
def test_each_part_of_a_send_is_a_portion_of_its_own(sets: list[int]) -> None:
    seen = 0
    portions: list[int] = []
    for positions in sets:
        mine = positions & ~seen
        seen |= mine
        if mine:
            portions.append(portion(mine))
            assert 0 <= portion(mine) == portions[-1] < 2**31
    assert len(set(portions)) == len(portions)


async def test_slices_of_one_carrier_share_records(fakes: FakePorts) -> None:
    slices = [slice_of(numbers(1), chunk=f"msg_{n:026d}", campaign=None, lane="otp") for n in range(100)]
    outputs = await run_intake(fakes, *slices)
    assert len(dispatched(outputs)) == 100
    assert sum(o.topic == "dispatch-otp" for o in outputs) == 2


async def test_the_accounts_being_away_only_takes_time(fakes: FakePorts) -> None:
    fakes.down = 2
    outputs = await run_intake(fakes, slice_of(numbers(1)))
    assert len(dispatched(outputs)) == 1


async def test_a_chunk_that_does_not_open_is_buried_alone(fakes: FakePorts) -> None:
    broken = slice_of(numbers(1), chunk=CHUNK[:-1] + "2", sealed=b"no seal at all, certainly")
    runner = MemoryRunner(lambda: fakes.intake(), topic="ingest-marketing")
    runner.send(envelope(slice_of(numbers(2)), broken), key=b"k")
    await runner.drain()
    [letter] = runner.topics.on("dead-letter")
    assert letter.value == envelope(broken)
    assert dict(letter.headers)["x-error-code"] == b"step_failed"
    assert [s.chunk for s in dispatched(runner.topics.written)] == [CHUNK]


async def test_a_slice_on_the_topic_of_another_lane_is_buried_with_its_record(fakes: FakePorts) -> None:
    runner = MemoryRunner(lambda: fakes.intake(), topic="ingest-otp")
    value = envelope(slice_of(numbers(2)))
    runner.send(value)
    await runner.drain()
    assert [(o.topic, o.value) for o in runner.topics.written] == [("dead-letter", value)]
    assert dict(runner.topics.written[0].headers)["x-error-code"] == b"undecodable"


@given(
    st.lists(st.sampled_from([4915112340000, 33123456789, 5, 1201555000]), min_size=1, max_size=30),
    st.integers(0, 20_000),
    st.integers(0, 40),
    st.booleans(),
    st.sampled_from(["hello", "{{name}}"]),
)
async def test_every_position_has_one_end_and_a_repeat_says_the_same(
    to: list[int], money: int, room: int, reject: bool, body: str
) -> None:
    names: list[str | None] = [None if n % 5 == 4 else "x" * (n * 40) for n in range(len(to))]
    chunk = slice_of(to, body=body, variables={"name": names})

    def fresh() -> FakePorts:
        fakes = FakePorts(
            money=money,
            room=room,
            carriers={"acme": CarrierFact(), "b": CarrierFact(partition=1)},
            routes=[
                RouteFact(prefix="+49", carriers=("acme",), price=700),
                RouteFact(prefix="+33", carriers=("b",), price=10),
            ],
        )
        fakes.tenants[TENANT] = TenantFact(balance_short="reject" if reject else "hold")
        fakes.run()
        return fakes

    first, second = await run_intake(fresh(), chunk), await run_intake(fresh(), chunk)
    assert [plain(o) for o in first] == [plain(o) for o in second]
    ends = (
        [s.positions for s in dispatched(first)]
        + [row.slice.positions for row in held(first)]
        + [c[2] for c in changes(first) if c[0] == "rejected"]
    )
    assert sum(p.bit_count() for p in ends) == len(to)
    assert sum(ends) == everyone(len(to))
    for slice_ in dispatched(first):
        check_slice(slice_)
        assert len(SEALER.open(slice_).to) == 8 * slice_.count


def plain(output: ProducerRecord) -> object:
    """An output without its seal, which is another one each time."""
    if not output.topic.startswith("dispatch-"):
        return output
    return (
        output.topic,
        output.key,
        output.partition,
        [(s.chunk, s.positions, s.segments, s.carrier, s.price, s.round, opened(s)) for s in dispatched([output])],
    )


def opened(slice_: Slice) -> Columns:
    return SEALER.open(slice_)
