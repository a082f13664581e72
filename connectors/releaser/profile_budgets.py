"""What may be given of a carrier's room to what is sent under profiles that have a share of its rate.

In: a place, the profiles whose rows wait there, the room. Out: a budget of segments for each of them, taken out of its
bucket in Redis; what is left of it goes back. Only releasers give room to such rows: intake lets them wait, so that one
place counts. Killed in between, a releaser has wasted half a second of a share. With Redis gone each releaser goes on by a
bucket of its own, at less than half of the share.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, Protocol

from infra.postgres.config_cache import CarrierRow
from infra.redis.client import RedisDown
from infra.redis.profile_shares import ProfileShares, ShareAsk, held_at_most
from schemas.rules.capacity import positions_that_fit
from schemas.values.profile import Profile

LOCAL_SHARE = 0.4
WORTH = 4
"""As with room: a share is given out once a quarter of what its bucket holds has come together."""


class Profiles(Protocol):
    """The configuration of now."""

    @property
    def profiles(self) -> Mapping[str, Profile]: ...


class _Local(NamedTuple):
    level: float
    at: float


class Budget(NamedTuple):
    """At a carrier: by profile, what it may be given, in segments; `rates`: its segments a second. A profile that is not in
    it has no share, and may have all."""

    carrier: str
    segments: dict[str, int]
    rates: dict[str, float]

    def full(self, profile: str) -> bool:
        """Whether nothing may be given to it now."""
        return self.segments.get(profile, 1) <= 0

    def reaches(self, profile: str | None, positions: int, segments: bytes) -> int:
        """The first of these positions, as far as all of its profile's budget reaches; one message at least."""
        bound = self.segments.get(profile or "")
        return positions if bound is None else positions_that_fit(positions, segments, max(bound, segments[0]))

    @property
    def any_full(self) -> bool:
        """Whether anything waits for a share alone; it goes as soon as some of that has come together."""
        return any(segments <= 0 for segments in self.segments.values())


NO_BUDGET = Budget("", {}, {})


class ProfileBudgets:
    """Of one releaser. `clock`: seconds that never go back."""

    def __init__(self, shares: ProfileShares, config: Profiles, clock: Callable[[], float]) -> None:
        self._shares = shares
        self._config = config
        self._clock = clock
        self._local: dict[tuple[str, str], _Local] = {}

    def is_limited(self, profile: str | None, lane: str) -> bool:
        """Whether what is sent under it in this lane waits for its share."""
        known = self._config.profiles.get(profile or "")
        return known is not None and known.limits(lane)

    async def take(self, carrier: CarrierRow, lane: str, profiles: Collection[str], room: int) -> Budget:
        """Budgets of those of these profiles that have a share, `room` at most for each."""
        rates = {
            name: (self._config.profiles[name].share or 1.0) * carrier.rate
            for name in profiles
            if self.is_limited(name, lane)
        }
        if not rates:
            return NO_BUDGET
        asks = [
            ShareAsk(carrier.id, name, rate, room, max(1, int(held_at_most(rate)) // WORTH)) for name, rate in rates.items()
        ]
        try:
            taken = await self._shares.take(asks)
        except RedisDown:
            taken = [self._take_locally(ask) for ask in asks]
        return Budget(carrier.id, dict(zip(rates, taken, strict=True)), rates)

    async def give_back(self, budget: Budget, used: Mapping[str, int]) -> None:
        """What was not used; what was used besides is paid off."""
        unused = {
            profile: (budget.rates[profile], segments - used.get(profile, 0))
            for profile, segments in budget.segments.items()
            if segments != used.get(profile, 0)
        }
        if not unused:
            return
        try:
            await self._shares.give_back(budget.carrier, unused)
        except RedisDown:
            for profile, (rate, segments) in unused.items():
                self._return_locally((budget.carrier, profile), rate, segments)

    def _take_locally(self, ask: ShareAsk) -> int:
        now, key = self._clock(), (ask.carrier, ask.profile)
        level, at = self._local.get(key, _Local(0.0, now))
        level = min(held_at_most(ask.rate), level + (now - at) * ask.rate * LOCAL_SHARE)
        taken = min(ask.want, int(level)) if level >= ask.least else 0
        self._local[key] = _Local(level - taken, now)
        return taken

    def _return_locally(self, key: tuple[str, str], rate: float, segments: int) -> None:
        """Trap: a long message that is not paid off would go at a multiple of a small share."""
        level, at = self._local.get(key, _Local(0.0, self._clock()))
        self._local[key] = _Local(min(held_at_most(rate), level + segments), at)
