"""Room of the senders and networks that have rates of their own at a carrier, for rows that wait there.

In: rows in their order, with their slices, what their profiles may be given. Out: of each the positions for which every
bucket has room, and how long a row of which nothing may go is to be let be, so that those behind it have their turn. Rows
whose bucket others fill first wait for these, as far as can be said, but never for longer than `LONGEST_MS`: then a rate
that was changed counts. With Redis gone all may go as far as the carrier's own room reaches, but for what is stopped:
dispatch holds every bucket to its rate.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from connectors.releaser.asked_room import request_of
from connectors.releaser.profile_budgets import NO_BUDGET, Budget
from connectors.releaser.rows import HeldRow
from infra.postgres.config_cache import CarrierRow
from infra.redis.carrier_capacity import ROOM_SECONDS, CapacityRequest, CarrierCapacity
from infra.redis.client import RedisDown
from infra.security.sealing import Sealer
from schemas.records.slice import Slice
from schemas.rules.narrow_rates import Share, positions_granted, shares_of
from schemas.values.positions import ranks_within

SHORTEST_MS = int(ROOM_SECONDS * 500)
"""In so long half of a bucket's room is free again."""
LONGEST_MS = 5_000
REACH = 16


def reach(carrier: CarrierRow) -> int:
    """How many times a tenant's share is looked at: of some rows nothing has room."""
    return REACH if carrier.narrow else 1


class RowRoom(NamedTuple):
    """The `positions` of a row for which every bucket has room, how long to let it be when there are none, and what each
    bucket granted of it, in segments."""

    positions: int
    wait_ms: int
    grants: list[tuple[Share, int]]


class NarrowRoom:
    """Of all carriers."""

    def __init__(self, capacity: CarrierCapacity, sealer: Sealer) -> None:
        self._capacity = capacity
        self._sealer = sealer

    async def ask(
        self, carrier: CarrierRow, lane: str, whole: Sequence[tuple[HeldRow, Slice]], budget: Budget = NO_BUDGET
    ) -> list[RowRoom]:
        """What each of these rows has room for. Trap: a row that asks a network for what its sender or its profile's share
        keeps back stands before everybody else's rows there, and these are let be."""
        if not carrier.narrow:
            return [RowRoom(slice_.positions, 0, []) for _, slice_ in whole]
        able = [budget.reaches(slice_.profile, slice_.positions, slice_.segments) for _, slice_ in whole]
        shares = [self._shares(carrier, slice_) for _, slice_ in whole]
        grants: list[list[tuple[Share, int]]] = [[] for _ in whole]
        for of_sender in (True, False):
            asked = [
                (n, cut)
                for n, found in enumerate(shares)
                for share in found
                if share.bucket.of_sender is of_sender and (cut := share.within(able[n])).positions
            ]
            requests = [
                request_of(carrier, lane, whole[n][1], share.segments, sum(share.segments), share.bucket)
                for n, share in asked
            ]
            for (n, share), granted in zip(asked, await self._granted(requests), strict=True):
                grants[n].append((share, granted))
            able = [positions_granted(one, granted) for one, granted in zip(able, grants, strict=True)]
        waits = _waits([[share for share, _ in found] for found in grants])
        return [RowRoom(*room) for room in zip(able, waits, grants, strict=True)]

    async def _granted(self, asked: Sequence[CapacityRequest]) -> list[int]:
        try:
            return await self._capacity.ask(asked) if asked else []
        except RedisDown:
            return [one.cost if one.rate > 0 else 0 for one in asked]

    async def give_back(
        self, carrier: CarrierRow, lane: str, gone: Sequence[tuple[HeldRow, Slice, int]], rooms: Sequence[RowRoom]
    ) -> None:
        """What was granted beyond the positions that went: the carrier itself has no room for it, or another bucket."""
        unused = [
            (share.bucket.name, slice_.chunk, slice_.send, over)
            for (_, slice_, positions), room in zip(gone, rooms, strict=True)
            for share, granted in room.grants
            if (over := granted - _used(share, positions)) > 0
        ]
        with suppress(RedisDown):  # it ends by itself, after a while
            await self._capacity.give_back(carrier.id, lane, unused)

    def _shares(self, carrier: CarrierRow, slice_: Slice) -> list[Share]:
        rates = carrier.narrow
        numbers: Sequence[int] = range(len(slice_.segments))
        if rates.networks:
            numbers = array("Q", self._sealer.open(slice_).to)
        return shares_of(rates, slice_.sender, numbers, slice_.positions, slice_.segments)


def _used(share: Share, positions: int) -> int:
    return sum(share.segments[rank] for rank in ranks_within(share.positions, share.positions & positions))


def _waits(rows: Sequence[Sequence[Share]]) -> list[int]:
    """How long what stands before each row takes, in milliseconds."""
    ahead: dict[str, float] = {}
    waits = []
    for shares in rows:
        waits.append(int(max((ahead.get(share.bucket.name, 0.0) for share in shares), default=0.0)))
        for share in shares:
            seconds = sum(share.segments) / share.bucket.rate if share.bucket.rate > 0 else LONGEST_MS
            ahead[share.bucket.name] = min(LONGEST_MS, ahead.get(share.bucket.name, 0.0) + 1000 * seconds)
    return [max(SHORTEST_MS, wait) for wait in waits]
