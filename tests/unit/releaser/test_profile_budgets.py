"""What profiles may be given where Redis is away, and how segments are asked for within a budget."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.releaser.profile_budgets import NO_BUDGET, Budget, ProfileBudgets
from connectors.releaser.row_costs import costs
from infra.postgres.config_cache import CarrierRow
from infra.redis.client import RedisDown
from schemas.values.profile import Profile

ACME = CarrierRow(
    id="acme",
    number=1,
    kind="smpp",
    rate=100,
    window=1,
    binds=2,
    receipt_wait_seconds=1,
    one_receipt_for_all_parts=False,
    partition=0,
    settings={},
    password="",
)


class Away:
    """Redis is away."""

    async def take(self, asks: object) -> list[int]:
        raise RedisDown("away")

    async def give_back(self, carrier: str, unused: object) -> None:
        raise RedisDown("away")


class Config:
    """Three profiles, one with a share."""

    @property
    def profiles(self) -> dict[str, Profile]:
        return {
            "night": Profile(name="night", share=0.3),
            "plain": Profile(name="plain"),
            "all": Profile(name="all", share=1),
        }


class Row:
    def __init__(self, tenant: str) -> None:
        self.tenant = tenant


class Part:
    def __init__(self, profile: str | None, segments: list[int]) -> None:
        self.profile, self.segments = profile, bytes(segments)


def asked(rows: list[tuple[str, str | None, list[int]]], shares: dict[str, int], budget: dict[str, int]) -> list[int]:
    able: Any = [(Row(tenant), Part(profile, segments), 0, bytes(segments)) for tenant, profile, segments in rows]
    return costs(able, shares, Budget("acme", budget, dict.fromkeys(budget, 1.0)))


async def test_without_redis_a_releaser_gives_less_than_half_of_a_share() -> None:
    now, given = 0.0, []
    shares: Any = Away()
    budgets = ProfileBudgets(shares, Config(), lambda: now)
    for _ in range(100):
        now += 0.1
        budget = await budgets.take(ACME, "marketing", {"night"}, 50)
        given.append(budget.segments["night"])
        await budgets.give_back(budget, {"night": given[-1]})
    assert 0.35 * 30 * 10 <= sum(given) <= 0.4 * 30 * 10 and max(given) <= 15


@pytest.mark.parametrize("size", [1, 3, 10])
async def test_without_redis_long_messages_are_paid_off_and_what_is_left_is_kept(size: int) -> None:
    """One message each time that anything may go, as long as it may be; and at times there is none."""
    now, used, turn = 0.0, 0, 0
    shares: Any = Away()
    budgets = ProfileBudgets(shares, Config(), lambda: now)
    while now < 100:
        now, turn = now + 0.1, turn + 1
        budget = await budgets.take(replace(ACME, rate=2), "marketing", {"night"}, 50)
        going = size if budget.segments["night"] and turn % 2 else 0
        used += going
        await budgets.give_back(budget, {"night": going})
    assert 0.9 * 0.24 * 100 - size <= used <= 0.24 * 100 + size, "two fifths of 0.6 a second"


async def test_only_profiles_with_a_share_have_a_budget_and_nobody_is_asked_for_others() -> None:
    shares: Any = None
    budgets = ProfileBudgets(shares, Config(), lambda: 0.0)
    assert await budgets.take(ACME, "marketing", {"plain", "all", "removed"}, 50) is NO_BUDGET
    await budgets.give_back(NO_BUDGET, {"plain": 7})
    assert [budgets.is_limited(name, "marketing") for name in ("night", "plain", "all", "removed", None)] == [True] + [
        False
    ] * 4
    assert not budgets.is_limited("night", "otp"), "codes never wait for a share"
    assert not NO_BUDGET.full("plain") and Budget("acme", {"night": 0}, {"night": 1.0}).full("night")


@pytest.mark.parametrize(
    ("rows", "budget", "wanted"),
    [
        ([("t", "night", [1] * 9), ("t", None, [1] * 9)], {"night": 4}, [4, 6]),
        ([("t", "night", [1] * 9), ("t", "night", [1] * 9), ("t", None, [1] * 9)], {"night": 9}, [9, 0, 1]),
        ([("t", "night", [3, 1]), ("t", "night", [1]), ("t", None, [1] * 9)], {"night": 1}, [3, 0, 7]),
        ([("t", "night", [3, 1]), ("t", "day", [2]), ("t", None, [1] * 9)], {"night": 1, "day": 1}, [3, 0, 7]),
        ([("t", None, [1] * 9), ("t", None, [1] * 9)], {}, [9, 1]),
    ],
)
def test_a_budget_bounds_its_own_rows_and_leaves_the_others_the_rest(
    rows: list[tuple[str, str | None, list[int]]], budget: dict[str, int], wanted: list[int]
) -> None:
    assert asked(rows, {"t": 10}, budget) == wanted


def test_a_row_whose_sender_has_no_room_takes_nothing_of_its_tenants_share() -> None:
    rows: list[tuple[str, str | None, list[int]]] = [("a", None, []), ("a", None, [1, 1]), ("b", None, [])]
    assert asked(rows, {"a": 1, "b": 1}, {}) == [0, 1, 0]


@pytest.mark.parametrize(
    ("profile", "segments", "positions"),
    [("night", [1] * 4, 0b11), ("night", [3, 1, 1, 1], 0b1), ("day", [1] * 4, 0b1), (None, [1] * 4, 0b1111)],
)
def test_a_row_asks_no_further_than_its_budget_and_for_one_message_at_least(
    profile: str | None, segments: list[int], positions: int
) -> None:
    budget = Budget("acme", {"night": 2, "day": 0}, {"night": 1.0, "day": 1.0})
    assert budget.reaches(profile, 0b1111, bytes(segments)) == positions
