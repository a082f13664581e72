"""What profiles may use of carriers' rates: a bucket of segments for each (carrier, profile), over all releasers.

In: who asks for how many. Out: how many it may have; what it did not use is given back, what it used above that is paid off
before the next one. A bucket holds half a second of its rate, one segment at least, and starts empty. Whoever dies with
what it took has lost that and no more: it comes together anew. Without Redis every call raises `RedisDown`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from infra.redis.client import Call, Redis, load_script

HELD_SECONDS = 0.5


class ShareAsk(NamedTuple):
    """`want` segments under this profile at a carrier, of which it may use `rate` a second; nothing below `least`; 0: they
    come back."""

    carrier: str
    profile: str
    rate: float
    want: int
    least: int = 1


class ProfileShares:
    """All buckets. `now_ms` is for tests; Redis's own clock counts otherwise."""

    def __init__(self, redis: Redis, now_ms: Callable[[], int] | None = None) -> None:
        self._redis = redis
        self._now_ms = now_ms

    async def take(self, asks: Sequence[ShareAsk]) -> list[int]:
        """For each, the segments that are its own now."""
        return [int(taken) for taken in await self._redis.run_all([self._call(ask) for ask in asks])]

    async def give_back(self, carrier: str, unused: Mapping[str, tuple[float, int]]) -> None:
        """By profile its rate, and the segments that it took and did not use; less than none: it used more."""
        asks = [ShareAsk(carrier, profile, rate, segments, 0) for profile, (rate, segments) in unused.items()]
        await self._redis.run_all([self._call(ask) for ask in asks])

    def _call(self, ask: ShareAsk) -> Call:
        return Call(
            script=load_script(__package__, "share"),
            keys=[f"share:{{{ask.carrier}}}:{ask.profile}"],
            args=[ask.want, ask.rate, held_at_most(ask.rate), ask.least, "" if self._now_ms is None else self._now_ms()],
        )


def held_at_most(rate: float) -> float:
    """Segments that a bucket of this rate holds."""
    return max(1.0, rate * HELD_SECONDS)
