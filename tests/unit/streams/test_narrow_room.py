"""Room at a carrier whose senders and networks have rates of their own, as intake asks for it."""

from __future__ import annotations

from array import array
from types import SimpleNamespace
from typing import Any

from schemas.records.slice import Columns
from schemas.rules.narrow_rates import NO_NARROW_RATES, NarrowRates
from schemas.values.positions import everyone
from schemas.values.reasons import Reason
from streams.outcome import Hold, Next
from streams.steps import admit_to_carrier
from tests.support.streams.fakes import CarrierFact, FakePorts
from tests.support.streams.verdicts import BASE, part_over

SIZE = 10
SENDER = BASE.sender
RATES = NarrowRates(senders={SENDER: 4}, networks={"4915": 2})


def batch_of(ports: FakePorts, opened: list[object]) -> Any:
    """What the step asks; the first three numbers lie in the network."""
    numbers = array("Q", [491500 + place if place < 3 else 491700 + place for place in range(BASE.size)])

    def open_(slice_: object) -> Columns:
        opened.append(slice_)
        return Columns(to=numbers.tobytes(), variables={}, refs=None)

    return SimpleNamespace(config=ports, capacity=ports, open=open_, now=1)


async def outcome_of(ports: FakePorts, opened: list[object]) -> dict[str, int]:
    """By kind of outcome its positions."""
    part = part_over(everyone(SIZE), bytes([1]) * SIZE, carrier="acme")
    [facts] = await admit_to_carrier.ask([part], batch_of(ports, opened))
    out = {"next": 0, "hold": 0}
    for one in admit_to_carrier.decide(part, facts):
        out["next" if isinstance(one, Next) else "hold"] |= one.positions
        assert isinstance(one, Next) or (isinstance(one, Hold) and one.reason is Reason.ROOM)
    return out


def ports_with(rates: NarrowRates, **rooms: int) -> FakePorts:
    narrow = {"s:" + SENDER: rooms.get("sender", 99), "n:4915": rooms.get("network", 99)}
    return FakePorts(carriers={"acme": CarrierFact(narrow=rates)}, room=rooms.get("carrier", 99), narrow_room=narrow)


async def test_what_has_no_room_in_a_narrow_bucket_does_not_ask_the_carrier() -> None:
    ports = ports_with(RATES, network=1)
    assert await outcome_of(ports, []) == {"next": 0b1111111001, "hold": 0b110}
    assert sum(ports.granted.values()) == 8


async def test_all_rooms_bound_together_and_order_is_kept_in_each() -> None:
    assert await outcome_of(ports_with(RATES, sender=4), []) == {"next": 0b1111, "hold": 0b1111110000}
    assert await outcome_of(ports_with(RATES, sender=4, network=0), []) == {"next": 0b1000, "hold": 0b1111110111}
    assert await outcome_of(ports_with(RATES, carrier=2, network=1), []) == {"next": 0b1001, "hold": 0b1111110110}


async def test_a_bucket_that_has_nothing_asks_nobody_else() -> None:
    ports = ports_with(RATES, sender=0)
    assert await outcome_of(ports, []) == {"next": 0, "hold": everyone(SIZE)}
    assert ports.granted == {}


async def test_numbers_are_opened_for_networks_alone() -> None:
    opened: list[object] = []
    assert (await outcome_of(ports_with(NO_NARROW_RATES), opened))["hold"] == 0
    assert (await outcome_of(ports_with(NarrowRates(sender=3), sender=1), opened))["next"] == 1
    assert opened == []
