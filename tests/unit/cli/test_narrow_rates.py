"""Rates within a carrier's rate as they are written on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from infra.cli.narrow_rates import read_changes
from infra.runtime.refusal import Refusal


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ((None, [], []), {}),
        (("0.2", [], []), {"sender_rate": 0.2}),
        (("none", [], []), {"no_sender_rate": True}),
        (
            (None, ["SHOP=1", "My Bank=0", "+49151234567=none"], []),
            {"sender_rates": {"SHOP": 1, "My Bank": 0, "+49151234567": None}},
        ),
        ((None, [], ["+4915=0.5", "44=none"]), {"network_rates": {"4915": 0.5, "44": None}}),
    ],
)
def test_what_is_given_is_changed_and_nothing_else(given: tuple[Any, Any, Any], changes: dict[str, Any]) -> None:
    assert read_changes(*given) == changes


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("fast", [], []), "--sender-rate: 'fast' is no rate"),
        (("nan", [], []), "no rate"),
        (("-1", [], []), "no rate"),
        ((None, ["SHOP"], []), "--sender 'SHOP' has no rate"),
        ((None, ["=5"], []), "--sender: '' is no sender"),
        ((None, ["SHOP=1000001"], []), "--sender: '1000001' is no rate"),
        ((None, [], ["Germany=5"]), "--network: 'Germany' is no beginning of a number"),
        ((None, [], ["0049=5"]), "'0049' is no beginning"),
        ((None, [], ["+=5"]), "no beginning"),
        ((None, [], ["\u0664\u0669=5"]), "no beginning"),
    ],
)
def test_what_cannot_be_is_refused_by_its_option_and_value(given: tuple[Any, Any, Any], says: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_changes(*given)
    assert says in str(refused.value)
