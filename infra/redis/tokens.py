"""A carrier's tokens: what may be sent now, over all processes together.

In: who asks for how many of a carrier's tokens (segments) at which rate per second. Out: how many are granted. The
bucket holds at most one lease (50 ms of the rate, at least 1) and less than one token more, starts empty, and forgets after
a minute without use, a slow carrier's later. At rate 0 nothing is granted.
Where senders or networks have rates of their own, one call takes tokens of the carrier's bucket and of theirs, as many of
each as all of them have.
The marketing lane leaves a tenth of the bucket to the others. Without Redis `RedisDown`: the caller then paces itself
at a cautious rate (`rate_without_redis`).
"""

from __future__ import annotations

from collections.abc import Sequence

from infra.redis.client import Argument, Redis, load_script
from schemas.rules.narrow_rates import Buckets
from schemas.values.lanes import Lane

LEASE_SECONDS = 0.05
CAUTION = 0.8


class Tokens:
    """The buckets of all carriers."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def lease(
        self, carrier: str, lane: str, want: int, rate: float, request_id: str, now_ms: int | None = None
    ) -> int:
        """Tokens granted, 0 to `want`; a repeat of `request_id` gets the answer of the first and takes nothing.

        `now_ms` is for tests; Redis's own clock counts otherwise. Raises RedisDown.
        """
        script = load_script(__package__, "tokens")
        keys = [f"tokens:{{{carrier}}}", f"tokens:{{{carrier}}}:{request_id}"]
        last = 0 if lane == Lane.MARKETING else 1
        return int(await self._redis.run(script, keys, [want, rate, last, "" if now_ms is None else now_ms]))

    async def lease_narrow(
        self,
        carrier: str,
        lane: str,
        groups: Sequence[tuple[Buckets, int]],
        rate: float,
        request_id: str,
        now_ms: int | None = None,
    ) -> list[int]:
        """Tokens granted to each group, 0 to what it wants, the first groups first; `largest_lease` in all. A group's tokens
        are of the carrier and of each bucket that bounds it. Repeats, `now_ms` and RedisDown as in `lease`."""
        buckets = list(dict.fromkeys(bucket for bounds, _ in groups for bucket in bounds))
        places = {bucket: place for place, bucket in enumerate(buckets, 1)}
        own = f"tokens:{{{carrier}}}"
        args: list[Argument] = [largest_lease(rate), 0 if lane == Lane.MARKETING else 1, "" if now_ms is None else now_ms]
        args += [rate, *(bucket.rate for bucket in buckets)]
        for bounds, want in groups:
            first, second, *_ = [*(places[bucket] for bucket in bounds), 0, 0]
            args += (want, first, second)
        keys = [own, f"{own}:{request_id}", *(f"{own}:{bucket.name}" for bucket in buckets)]
        return [int(one) for one in await self._redis.run(load_script(__package__, "tokens_narrow"), keys, args)]


def largest_lease(rate: float) -> int:
    """The most tokens that one lease may hold; 0 for a carrier that is stopped."""
    return max(1, int(rate * LEASE_SECONDS)) if rate > 0 else 0


def rate_without_redis(rate: float, workers: int) -> float:
    """Segments per second that each of `workers` processes may send while nobody can be asked."""
    return rate * CAUTION / workers
