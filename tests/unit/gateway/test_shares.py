"""No tenant takes more than its share, and what was taken comes back."""

from __future__ import annotations

import pytest

from gateway.http.problem import Problem
from gateway.http.quota import Held, Share


def refusal(held: Held, amount: int) -> tuple[int, str, str]:
    with pytest.raises(Problem) as caught:
        held.more(amount)
    return caught.value.status, caught.value.code, caught.value.headers["Retry-After"]


def test_a_tenant_gets_a_quarter_and_all_together_get_the_whole() -> None:
    share = Share(40, "loaves")
    with share.hold("a") as one, share.hold("a") as two, share.hold("b") as other:
        one.more(4)
        two.more(6)
        assert refusal(two, 1) == (429, "tenant_overloaded", "2")
        other.more(10)
        with share.hold("c") as third, share.hold("d") as fourth, share.hold("e") as late:
            third.more(10)
            fourth.more(10)
            assert refusal(late, 1) == (503, "overloaded", "2")
        late.more(1)
        assert share.taken == 21
        with late:
            pass
    assert share.taken == 0
    with share.hold("a") as again:
        again.more(10)


def test_one_request_of_the_largest_size_always_fits() -> None:
    with Share(40, "loaves", least=30).hold("a") as held:
        held.more(30)
    with Share(20, "loaves", least=30).hold("a") as held:
        held.more(20)
        assert refusal(held, 1)[0] == 429
