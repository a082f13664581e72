"""The check that schemathesis gets from us: a refusal of an allowed form is a fault, one of its meaning is none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.openapi_hooks import refused_for_its_meaning_alone


def judge(status: int, problem: dict[str, Any], *, positive: bool = True) -> None:
    case = SimpleNamespace(meta=SimpleNamespace(generation=SimpleNamespace(mode=SimpleNamespace(is_positive=positive))))
    refused_for_its_meaning_alone(None, SimpleNamespace(status_code=status, json=lambda: problem), case)


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (422, {"code": "bad_value"}),
        (400, {"code": "bad_json"}),
        (415, {"code": "unsupported_media_type"}),
        (400, {"code": "too_long"}),
        (422, {"error_code": 42202}),
    ],
)
def test_a_form_that_is_refused_is_a_fault(status: int, problem: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="refused for its form"):
        judge(status, problem)
    judge(status, problem, positive=False)


def test_a_meaning_that_is_refused_is_none() -> None:
    judge(422, {"code": "no_route"})
    judge(422, {"error_code": 42201})
    judge(402, {"code": "insufficient_balance"})
    with pytest.raises(AssertionError):
        judge(400, {"code": "no_route"})
