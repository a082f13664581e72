"""Rates within a carrier's rate: which buckets bound a message, and what has room in all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.rules.narrow_rates import NO_NARROW_RATES, NarrowRates, positions_granted, shares_of
from schemas.values.positions import positions_of

RATES = NarrowRates(sender=5, senders={"SHOP": 1, "BANK": 0}, networks={"49": 10, "4915": 0.5})
SENDERS = st.sampled_from(["SHOP", "BANK", "ACME"])
NUMBERS = st.sampled_from([4915112345, 4930123456, 441234567, 49, 4, 4915])


def names(rates: NarrowRates, sender: str, number: int) -> list[tuple[str, float]]:
    return [(bucket.name, bucket.rate) for bucket in rates.of_sender(sender) + rates.of_network(number)]


def test_the_exception_counts_before_the_rule_and_the_longest_prefix_before_others() -> None:
    assert names(RATES, "SHOP", 4915112345) == [("s:SHOP", 1), ("n:4915", 0.5)]
    assert names(RATES, "ACME", 4930123456) == [("s:ACME", 5), ("n:49", 10)]
    assert names(RATES, "BANK", 441234567) == [("s:BANK", 0)]
    assert names(NarrowRates(senders={"SHOP": 1}), "ACME", 49151) == []


def test_a_rate_of_nothing_is_a_rate() -> None:
    assert not NO_NARROW_RATES and NarrowRates(sender=0) and NarrowRates(networks={"1": 0})


@given(
    SENDERS,
    st.lists(st.tuples(st.integers(0, 60), NUMBERS, st.integers(1, 9)), min_size=1, unique_by=lambda one: one[0]),
    st.data(),
)
def test_what_goes_fits_into_every_bucket_in_order(
    sender: str, messages: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    messages = sorted(messages)
    positions = positions_of([place for place, _, _ in messages])
    segments = bytes(cost for _, _, cost in messages)
    shares = shares_of(RATES, sender, [number for _, number, _ in messages], positions, segments)
    granted = {share.bucket.name: data.draw(st.integers(0, 40)) for share in shares}
    going = positions_granted(positions, [(share, granted[share.bucket.name]) for share in shares])
    assert going & ~positions == 0
    for share in shares:
        mine = [(p, cost) for p, number, cost in messages if share.bucket.name in dict(names(RATES, sender, number))]
        assert share.positions == positions_of([p for p, _ in mine]) and share.segments == bytes(cost for _, cost in mine)
        used = sum(cost for p, cost in mine if going >> p & 1)
        assert used <= granted[share.bucket.name]
    free = [p for p, number, _ in messages if not names(RATES, sender, number)]
    assert all(going >> p & 1 for p in free), "nothing bounds these"
