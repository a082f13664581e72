"""Tokens of the senders and networks that have rates of their own at a carrier, beside the carrier's (`pacing.py`).

In: what waits, by the buckets that bound it (a group), grants of Redis, the time (monotonic seconds). Out: what each group
is to ask for, how much of it may go now, when to look again. A grant holds a token of the carrier's for each narrow one:
these are kept from everybody else until they are spent, or dropped together. Redis says how much goes over all processes;
here it is spent evenly: a token at a time of a slow bucket, 50 ms of a fast one's. A group that was refused asks again after
a moment, others at once. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from infra.redis.tokens import LEASE_SECONDS
from schemas.rules.narrow_rates import Bucket, Buckets, NarrowRates

AHEAD = 0.05
"""Tokens are asked for so long before they can be spent, in seconds."""
SLACK = 0.02
"""What was spent so much too late is made up for."""
RETRY = 0.05
MOST_GROUPS = 64
"""Asked for at a time."""
MOST_REMEMBERED = 10_000
Wanted = list[tuple[Buckets, int]]


class NarrowTokens:
    """Of one sender, by these rates."""

    def __init__(self, rates: NarrowRates) -> None:
        self.rates = rates
        self._share = 1.0
        self._held: dict[Buckets, tuple[int, float]] = {}  # granted and not spent, until when
        self._bases: dict[Bucket, float] = {}  # when the bucket was, or will be, empty
        self._ask_at: dict[Buckets, float] = {}

    def free(self, group: Buckets, tokens: int, now: float) -> int:
        """How many segments of this group may go now, of so many free tokens of the carrier."""
        if not group:
            return max(0, tokens - sum(self._holds(other, now) for other in self._held))
        return min(tokens, self._holds(group, now), self._spendable(group, now))

    def spend(self, group: Buckets, count: int, now: float) -> None:
        """So many segments of this group go now; at most `free`."""
        if not group or not count:
            return
        held, until = self._held.pop(group, (0, now))
        if held > count:
            self._held[group] = held - count, until
        for bucket in group:
            rate = bucket.rate * self._share
            earliest = now - _burst(rate) / rate
            self._bases[bucket] = max(self._bases.get(bucket, earliest), earliest) + count / rate

    def wanted(self, waiting: Mapping[Buckets, int], now: float) -> Wanted:
        """What to ask for, of what waits."""
        found: Wanted = []
        for group, count in waiting.items():
            if group:
                due = now >= self._ask_at.get(group, now)
                count = min(count, self._spendable(group, now + AHEAD)) - self._holds(group, now) if due else 0
            if count > 0:
                found.append((group, count))
        return found[:MOST_GROUPS]

    def granted(self, wanted: Wanted, granted: Sequence[int], *, share: float, now: float, until: float) -> None:
        """This was granted, to be spent at this share of all rates before the carrier's tokens are dropped."""
        self._share = share
        for (group, _), count in zip(wanted, granted, strict=True):
            if group and count:
                self._held[group] = self._holds(group, now) + count, until
            elif group:
                self._ask_at[group] = now + RETRY

    def next_at(self, waiting: Mapping[Buckets, int], now: float) -> float:
        """When something of what waits may go, or asks for tokens."""
        return min((self._next_of(group, now) for group in waiting if group), default=math.inf)

    def forget(self, now: float) -> None:
        """Forget what is over; also buckets that are full, when there are many."""
        self._held = {group: held for group, held in self._held.items() if held[1] > now}
        self._ask_at = {group: at for group, at in self._ask_at.items() if at > now}
        if len(self._bases) > MOST_REMEMBERED:
            full = {bucket for bucket, base in self._bases.items() if (now - base) * bucket.rate > _burst(bucket.rate) + 1}
            self._bases = {bucket: base for bucket, base in self._bases.items() if bucket not in full}

    def _next_of(self, group: Buckets, now: float) -> float:
        if any(bucket.rate <= 0 for bucket in group):
            return math.inf
        whole = max(self._bases.get(bucket, 0.0) + 1 / (bucket.rate * self._share) for bucket in group)
        return whole if self._holds(group, now) else max(whole - AHEAD, self._ask_at.get(group, 0.0))

    def _holds(self, group: Buckets, now: float) -> int:
        count, until = self._held.get(group, (0, 0.0))
        return count if now < until else 0

    def _spendable(self, group: Buckets, now: float) -> int:
        return min(self._level(bucket, now) for bucket in group)

    def _level(self, bucket: Bucket, now: float) -> int:
        rate = bucket.rate * self._share
        if rate <= 0:
            return 0
        return int(min(_burst(rate), (now - self._bases.get(bucket, -math.inf)) * rate) + 0.000001)


def _burst(rate: float) -> float:
    return max(1.0, rate * LEASE_SECONDS) + min(0.9, rate * SLACK)
