"""Quotas: no tenant takes more than its share, and what was taken comes back."""

from __future__ import annotations

import pytest

from gateway.http.problem import Problem
from gateway.http.quota import Quota, Reservation


def refusal(held: Reservation, amount: int) -> tuple[int, str, str]:
    with pytest.raises(Problem) as caught:
        held.grow(amount)
    return caught.value.status, caught.value.code, caught.value.headers["Retry-After"]


def test_a_tenant_gets_a_quarter_and_all_together_get_the_whole() -> None:
    quota = Quota(40, "requests")
    with quota.reservation("a") as one, quota.reservation("a") as two, quota.reservation("b") as other:
        one.grow(4)
        two.grow(6)
        assert refusal(two, 1) == (429, "tenant_overloaded", "2")
        other.grow(10)
        with quota.reservation("c") as third, quota.reservation("d") as fourth, quota.reservation("e") as late:
            third.grow(10)
            fourth.grow(10)
            assert refusal(late, 1) == (503, "overloaded", "2")
        late.grow(1)
        assert quota.reserved == 21
        with late:
            pass
    assert quota.reserved == 0
    with quota.reservation("a") as again:
        again.grow(10)


def test_one_request_of_the_largest_size_always_fits() -> None:
    with Quota(40, "requests", least=30).reservation("a") as held:
        held.grow(30)
    with Quota(20, "requests", least=30).reservation("a") as held:
        held.grow(20)
        assert refusal(held, 1)[0] == 429
