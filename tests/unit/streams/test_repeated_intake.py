"""Intake after a kill: what a first run gave to a carrier is not ended by the repeat, whatever changed in between."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.kafka.records import ProducerRecord
from schemas.records.slice import Slice, check_slice
from schemas.values.positions import everyone
from tests.support.streams.fakes import (
    CHUNK,
    NOW,
    SEALER,
    TENANT,
    CarrierFact,
    FakePorts,
    RouteFact,
    TenantFact,
    numbers,
    slice_of,
    some,
)
from tests.support.streams.outputs import changes, dispatched, held, public, used
from tests.support.streams.runs import run_intake

Change = Callable[[FakePorts], None]


@pytest.fixture
def fakes() -> FakePorts:
    made = FakePorts()
    made.run()
    return made


async def repeated(fakes: FakePorts, change: Change, chunk: Slice) -> list[ProducerRecord]:
    """The outputs of handling this chunk once more, after a first run whose acknowledgement was lost."""
    first = dispatched(await run_intake(fakes, chunk))
    assert first and fakes.looked_up == []
    change(fakes)
    return await run_intake(fakes, chunk)


def cancel(fakes: FakePorts) -> None:
    fakes.run("canceled", version=3)
    fakes.room = 0


def let_expire(fakes: FakePorts) -> None:
    fakes.now = NOW + 86_400_000
    fakes.room = 0


@pytest.mark.parametrize("change", [cancel, let_expire])
async def test_what_a_first_run_gave_to_dispatch_is_not_ended_by_a_repeat(fakes: FakePorts, change: Change) -> None:
    outputs = await repeated(fakes, change, slice_of(numbers(3), refs=["a", "b", "c"]))
    [going] = dispatched(outputs)
    check_slice(going)
    assert (going.positions, going.carrier, going.price, going.segments, going.round) == (0b111, "acme", 700, b"\1\1\1", 0)
    assert changes(outputs) == [("queued", 1, 0b111, "none")]
    assert public(outputs) == [] and used(outputs) == [] and held(outputs) == []
    assert fakes.looked_up == [[(CHUNK, 1)]]


async def test_only_what_stands_nowhere_ends_at_once(fakes: FakePorts) -> None:
    fakes.run("canceled", version=3)
    fakes.carriers["first"] = CarrierFact(partition=6)
    fakes.assigned[CHUNK, 1] = {"first": some(2), "gone": some(1)}
    outputs = await run_intake(fakes, slice_of(numbers(4), refs=["a", "b", "c", "d"]))
    [going] = dispatched(outputs)
    assert (going.positions, going.carrier) == (some(2), "first")
    assert list(array("Q", SEALER.open(going).to)) == numbers(4)[2:3]
    assert [o.partition for o in outputs if o.topic == "dispatch-marketing"] == [6]
    assert sorted(changes(outputs)) == [("canceled", 1, some(0, 1, 3), "canceled"), ("queued", 1, some(2), "none")]
    assert [r.client_ref for r in public(outputs)] == ["a", "b", "d"]


async def test_a_repeat_keeps_the_reservations_of_each_price(fakes: FakePorts) -> None:
    fakes.carriers["other"] = CarrierFact(partition=5)
    fakes.routes = [
        RouteFact(prefix="", carriers=("acme",), price=700),
        RouteFact(prefix="+33", carriers=("other",), price=900),
    ]
    outputs = await repeated(fakes, cancel, slice_of([4915112340000, 33123456789]))
    assert {(s.carrier, s.price_class, s.price) for s in dispatched(outputs)} == {("acme", 0, 700), ("other", 1, 900)}


async def test_a_route_that_went_away_meanwhile_rejects_nothing_that_was_given(fakes: FakePorts) -> None:
    def reroute(fakes: FakePorts) -> None:
        fakes.routes = [RouteFact(prefix="+1", carriers=("acme",), price=500)]
        fakes.version += 1

    outputs = await repeated(fakes, reroute, slice_of(numbers(2)))
    assert [(s.positions, s.carrier, s.price, s.segments) for s in dispatched(outputs)] == [(0b11, "acme", 500, b"\1\1")]
    assert public(outputs) == []


async def test_canceled_and_without_a_route_still_goes_where_it_went(fakes: FakePorts) -> None:
    def both(fakes: FakePorts) -> None:
        cancel(fakes)
        fakes.routes = []
        fakes.version += 1

    outputs = await repeated(fakes, both, slice_of(numbers(2)))
    assert [(s.positions, s.carrier, s.price) for s in dispatched(outputs)] == [(0b11, "acme", 1)]


async def test_a_balance_that_went_away_meanwhile_rejects_nothing_that_was_given(fakes: FakePorts) -> None:
    def spend(fakes: FakePorts) -> None:
        fakes.reserved.clear()
        fakes.money = 0

    fakes.tenants[TENANT] = TenantFact(balance_short="reject")
    outputs = await repeated(fakes, spend, slice_of(numbers(2)))
    assert [(row.reason, row.slice.positions) for row in held(outputs)] == [("balance", 0b11)]
    assert public(outputs) == [] and dispatched(outputs) == []


@given(
    st.lists(st.sampled_from([4915112340000, 33123456789, 5, 1201555000]), min_size=1, max_size=20),
    st.integers(0, 2**20 - 1),
    st.integers(0, 2**20 - 1),
    st.sampled_from([cancel, let_expire]),
)
async def test_a_repeat_ends_each_position_or_passes_it_on(to: list[int], b: int, gone: int, change: Change) -> None:
    fakes = FakePorts(
        carriers={"acme": CarrierFact(), "b": CarrierFact(partition=1)},
        routes=[RouteFact(prefix="+49", carriers=("acme",), price=700), RouteFact(prefix="+33", carriers=("b",), price=10)],
    )
    fakes.run()
    change(fakes)
    fakes.assigned[CHUNK, 1] = {"b": b, "gone": gone & ~b}
    outputs = await run_intake(fakes, slice_of(to))
    going = dispatched(outputs)
    ended = [positions for status, _, positions, _ in changes(outputs) if status in ("canceled", "expired")]
    assert sum(s.count for s in going) + sum(p.bit_count() for p in ended) == len(to)
    assert sum(s.positions for s in going) + sum(ended) == everyone(len(to))
    assert len(public(outputs)) == sum(p.bit_count() for p in ended)
    assert all(s.positions & ~b == 0 and s.carrier == "b" and s.price > 0 for s in going)
