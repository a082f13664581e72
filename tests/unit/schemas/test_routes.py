"""How a route prefers its carriers, as properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.settings.model import RouteSettings
from schemas.rules.route_strategies import check_strategy
from schemas.rules.routes import RouteTable, Way
from tests.support.streams.fakes import RouteFact

CARRIERS = ("a", "b", "c", "d")
WEIGHTS = st.tuples(*[st.integers(0, 5)] * 4).filter(any)


@given(st.text(max_size=40), WEIGHTS)
def test_every_chunk_has_one_order_of_all_carriers_those_without_weight_last(chunk: str, weights: tuple[int, ...]) -> None:
    way = Way(CARRIERS, 700, weights)
    order = way.carriers_for(chunk)
    assert sorted(order) == sorted(CARRIERS) and order == way.carriers_for(chunk)
    share = dict(zip(CARRIERS, weights, strict=True))
    idle = [carrier for carrier in CARRIERS if not share[carrier]]
    assert list(order[len(CARRIERS) - len(idle) :]) == idle


@pytest.mark.parametrize("weights", [(1, 1, 1, 1), (3, 1, 0, 0), (70, 20, 9, 1)])
def test_over_many_chunks_each_has_its_share_and_those_behind_take_over_likewise(weights: tuple[int, ...]) -> None:
    way = Way(CARRIERS, 700, weights)
    orders = [way.carriers_for(f"chk_{n:024x}") for n in range(20_000)]
    for carrier, weight in zip(CARRIERS, weights, strict=True):
        first = sum(order[0] == carrier for order in orders)
        assert first / len(orders) == pytest.approx(weight / sum(weights), abs=0.012)
    without = [next(carrier for carrier in order if carrier != "a") for order in orders]
    assert without.count("b") / len(orders) == pytest.approx(weights[1] / sum(weights[1:]), abs=0.012)


def test_a_carrier_that_is_gone_takes_its_weight_along() -> None:
    table = RouteTable([RouteFact(prefix="", carriers=("gone", "a", "b"), price=5, weights=(5, 0, 1))], {"a", "b"})
    assert table.find(491711234567) == Way(("a", "b"), 5, (0, 1))


def test_in_order_every_chunk_prefers_the_same() -> None:
    assert {Way(CARRIERS, 700).carriers_for(str(n)) for n in range(50)} == {CARRIERS}


@pytest.mark.parametrize(
    ("strategy", "costs", "weights", "said"),
    [
        ("order", [], [], None),
        ("cheapest", [5, 4], [], None),
        ("weighted", [], [0, 1], None),
        ("order", [5, 4], [], "neither costs nor weights"),
        ("cheapest", [5], [], "costs, one a carrier"),
        ("cheapest", [5, 4], [1, 1], "no weights"),
        ("weighted", [], [1], "weights, one a carrier"),
        ("weighted", [], [0, 0], "at least one of them above 0"),
        ("weighted", [], [-1, 2], "from 0 to"),
    ],
)
def test_lists_go_with_the_strategy(strategy: str, costs: list[int], weights: list[int], said: str | None) -> None:
    fault = check_strategy(strategy, ("a", "b"), costs, weights)
    assert fault is None if said is None else said in (fault or "")


def test_the_file_is_told_what_is_missing() -> None:
    row = {"prefix": "+49", "carriers": ["a", "b"], "price": "0.07", "strategy": "cheapest", "costs": ["0.04"]}
    with pytest.raises(ValueError, match="the strategy cheapest has costs, one a carrier"):
        RouteSettings.model_validate(row)
