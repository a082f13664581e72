"""Rates within a carrier's rate: of one sender id, and of the numbers that begin with a prefix (a destination network).

In: a carrier's settings, a sender, numbers. Out: the buckets that bound a message beside the carrier's own, each with its
rate; which of some positions fit into the room that each bucket has. A message has at most two: its sender's and that of the
longest prefix. A carrier without any is false, and nobody looks further. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from schemas.rules.capacity import positions_that_fit
from schemas.rules.prefixes import depth, longest_prefix
from schemas.values.positions import places, positions_of, ranks_within


class Bucket(NamedTuple):
    """`name`: `s:` and the sender, or `n:` and the prefix; `rate` in segments per second, 0 = stopped."""

    name: str
    rate: float

    @property
    def of_sender(self) -> bool:
        """Whether it bounds a sender, not a network."""
        return self.name.startswith("s:")


Buckets = tuple[Bucket, ...]
NO_BUCKETS: Buckets = ()


@dataclass(frozen=True, kw_only=True)
class NarrowRates:
    """Of one carrier. `sender`: of every sender id that `senders` does not name, None = no bound; `networks`: by prefix."""

    sender: float | None = None
    senders: Mapping[str, float] = field(default_factory=dict)
    networks: Mapping[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.sender is not None or bool(self.senders) or bool(self.networks)

    def of_sender(self, sender: str) -> Buckets:
        """What bounds all messages of this sender."""
        rate = self.senders.get(sender, self.sender)
        return NO_BUCKETS if rate is None else (Bucket(f"s:{sender}", rate),)

    def of_network(self, number: int) -> Buckets:
        """What bounds all messages to numbers like this one."""
        found = longest_prefix(self._by_prefix, str(number)[: self._depth])
        return NO_BUCKETS if found is None else found

    def groups(self, sender: str, numbers: Iterable[int]) -> dict[Buckets, list[int]]:
        """The indexes of these numbers, of one sender, by the buckets that bound them."""
        of_sender = self.of_sender(sender)
        if not self.networks:
            return {of_sender: [index for index, _ in enumerate(numbers)]}
        found: dict[Buckets, list[int]] = {}
        for index, number in enumerate(numbers):
            found.setdefault(of_sender + self.of_network(number), []).append(index)
        return found

    @cached_property
    def _by_prefix(self) -> dict[str, Buckets]:
        return {prefix: (Bucket(f"n:{prefix}", rate),) for prefix, rate in self.networks.items()}

    @cached_property
    def _depth(self) -> int:
        return depth(self.networks)


NO_NARROW_RATES = NarrowRates()


class Share(NamedTuple):
    """The positions of a slice that one bucket bounds, with their segments."""

    bucket: Bucket
    positions: int
    segments: bytes

    def within(self, positions: int) -> Share:
        """What of it is at these positions."""
        members = self.positions & positions
        if members == self.positions:
            return self
        return Share(self.bucket, members, bytes([self.segments[rank] for rank in ranks_within(self.positions, members)]))


def shares_of(rates: NarrowRates, sender: str, numbers: Sequence[int], positions: int, segments: bytes) -> list[Share]:
    """What each bucket is asked for; `numbers` and `segments` of these positions, ascending."""
    by_bucket: dict[Bucket, int] = {}
    place_of = places(positions)
    for buckets, indexes in rates.groups(sender, numbers).items():
        members = positions if len(indexes) == len(place_of) else positions_of([place_of[index] for index in indexes])
        for bucket in buckets:
            by_bucket[bucket] = by_bucket.get(bucket, 0) | members
    return [
        Share(bucket, members, bytes([segments[rank] for rank in ranks_within(positions, members)]))
        for bucket, members in by_bucket.items()
    ]


def positions_granted(positions: int, granted: Iterable[tuple[Share, int]]) -> int:
    """The positions for which every bucket has room; `granted`: segments."""
    for share, room in granted:
        positions &= ~(share.positions & ~positions_that_fit(share.positions, share.segments, room))
    return positions
