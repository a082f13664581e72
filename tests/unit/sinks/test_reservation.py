"""The arithmetic of money: in whatever order usages come, charged once a round and set free once.

In: a reservation and usages. Out: sums that add up.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sinks.reservation import Effect, Reservation, settle, unreserved
from schemas.records.slice import RecordError
from schemas.records.wire import Usage
from schemas.values.positions import places
from tests.support.log_records import SIZE, usage

ALL = 2**SIZE - 1
sets = st.integers(0, ALL)
usages = st.lists(st.tuples(sets, sets).filter(lambda t: t[0] | t[1]).map(lambda t: usage(t[0], t[1])), max_size=8)


def reserved() -> Reservation:
    return Reservation(
        price=700,
        positions=ALL,
        segments=bytearray([1] * SIZE),
        amount=700 * SIZE,
        charged=0,
        refunded=0,
        charged_amount=0,
        lease=None,
    )


@given(usages)
def test_charged_once_freed_once_and_charge_wins(told: list[Usage]) -> None:
    row = reserved()
    effects = [settle(row, one) for one in told]
    charged = refunded = 0
    for one in told:
        charged, refunded = charged | one.charged, refunded | one.refunded
    assert sum(e.charge for e in effects) == row.charged_amount == 700 * charged.bit_count()
    assert sum(e.freed for e in effects) == 700 * (charged | refunded).bit_count() == 700 * SIZE - row.amount
    assert row.charged == charged and row.refunded == refunded
    assert row.charged_amount == row.price * sum(row.segments[p] for p in places(charged))


def test_a_late_charge_after_a_refund_frees_nothing_more() -> None:
    row = reserved()
    assert settle(row, usage(refunded=1)) == Effect(charge=0, freed=700, drawn=0)
    assert settle(row, usage(charged=1)) == Effect(charge=700, freed=0, drawn=0)


def test_partial_charges_what_was_accepted_and_frees_what_was_reserved() -> None:
    row = reserved()
    row.segments, row.amount = bytearray([3] * SIZE), 2100 * SIZE
    assert settle(row, usage(charged=1, segments=bytes([2]))) == Effect(charge=1400, freed=2100, drawn=0)
    assert [*row.segments[:2]] == [2, 3] and row.charged_amount == 1400


def test_money_of_an_allowance_is_drawn_once() -> None:
    first = usage(charged=1, refunded=2, lease="l1")
    row = unreserved(first)
    assert settle(row, first) == Effect(charge=700, freed=0, drawn=1400)
    assert settle(row, first) == Effect(charge=0, freed=0, drawn=0)
    assert settle(row, usage(charged=2, lease="l1")) == Effect(charge=700, freed=0, drawn=0)
    assert settle(row, usage(charged=4, lease="l1")) == Effect(charge=700, freed=0, drawn=700)


@pytest.mark.parametrize(
    "wrong", [usage(), usage(charged=1 << SIZE), usage(charged=3, segments=b"\1"), usage(charged=1, price=-1)]
)
def test_a_usage_that_contradicts_itself_is_refused(wrong: Usage) -> None:
    with pytest.raises(RecordError):
        settle(reserved(), wrong)
