"""What a tenant's caps leave, and when more may go."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rules.caps import MOST_MESSAGES, Caps, Used, left_of, periods
from schemas.values.money import MAX_AMOUNT


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOW = at("2026-11-28T23:59:59.999")
LIMIT = st.none() | st.integers(0, 50)


def test_a_day_and_a_month_are_those_of_utc() -> None:
    assert periods(NOW) == ("2026-11-28", "2026-11")
    assert periods(NOW + 1) == ("2026-11-29", "2026-11")


@pytest.mark.parametrize(
    ("caps", "used", "messages", "money", "messages_until", "money_until"),
    [
        (Caps(), {}, MOST_MESSAGES, MAX_AMOUNT, "2026-11-29", "2026-11-29"),
        (Caps(messages_per_day=10), {"2026-11-28": Used(4, 400)}, 6, MAX_AMOUNT, "2026-11-29", "2026-11-29"),
        (Caps(messages_per_day=10), {"2026-11-27": Used(10, 1)}, 10, MAX_AMOUNT, "2026-11-29", "2026-11-29"),
        (
            Caps(messages_per_day=10, messages_per_month=12),
            {"2026-11": Used(11, 0)},
            1,
            MAX_AMOUNT,
            "2026-12-01",
            "2026-11-29",
        ),
        (Caps(spend_per_day=500), {"2026-11-28": Used(1, 700)}, MOST_MESSAGES, 0, "2026-11-29", "2026-11-29"),
        (Caps(spend_per_month=500), {"2026-11": Used(1, 100)}, MOST_MESSAGES, 400, "2026-11-29", "2026-12-01"),
    ],
)
def test_the_closest_cap_counts(
    caps: Caps, used: dict[str, Used], messages: int, money: int, messages_until: str, money_until: str
) -> None:
    assert left_of(caps, used, NOW) == (messages, money, at(messages_until), at(money_until))


def test_the_month_after_december_is_january() -> None:
    assert left_of(Caps(messages_per_month=0), {}, at("2026-12-31T12:00:00")).messages_until == at("2027-01-01")


@given(LIMIT, LIMIT, LIMIT, LIMIT, st.integers(0, 60), st.integers(0, 60), st.integers(0, 4_000_000_000_000))
def test_what_is_left_never_exceeds_a_cap(
    per_day: int | None, per_month: int | None, day_money: int | None, month_money: int | None, n: int, spent: int, now: int
) -> None:
    caps = Caps(messages_per_day=per_day, messages_per_month=per_month, spend_per_day=day_money, spend_per_month=month_money)
    left = left_of(caps, dict.fromkeys(periods(now), Used(n, spent)), now)
    for cap, used, rest in ((per_day, n, left.messages), (per_month, n, left.messages), (day_money, spent, left.money)):
        assert cap is None or rest == 0 or rest + used <= cap
    for until in (left.messages_until, left.money_until):
        assert now < until <= now + 31 * 86_400_000 + 1000
