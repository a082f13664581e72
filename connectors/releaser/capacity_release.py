"""Rows that wait for room at a carrier go to dispatch as soon as and as far as there is room, by turns of their tenants.

In: carriers and lanes for which rows wait. Out: dispatch slices for what `CarrierCapacity` grants, the least served tenant's
first (`tenant_shares.py`), within the shares of profiles (`profile_budgets.py`); the rest of a row keeps waiting; the flag
that makes intake queue behind what waits already. A place where nothing that waits may go, as its campaigns are paused, is
let be and nobody queues behind it.
Where nothing is started at a carrier, what another one takes goes there (`carrier_moves.py`). Several carriers are served
side by side. With Redis gone the room is guessed: the carrier's rate for the time that passed, less a fifth, shared by two.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from connectors.releaser.asked_room import Able, request_of, segments_of
from connectors.releaser.carrier_moves import CarrierMoves
from connectors.releaser.leases import RowLeases
from connectors.releaser.narrow_room import NarrowRoom, reach
from connectors.releaser.place import Place
from connectors.releaser.profile_budgets import NO_BUDGET, Budget, ProfileBudgets
from connectors.releaser.release import Release
from connectors.releaser.rests import Rests
from connectors.releaser.row_costs import costs, counted, within
from connectors.releaser.rows import HeldRow, each
from connectors.releaser.tenant_shares import Queue, TenantShares, list_again_after
from infra.postgres.config_cache import ConfigCache
from infra.postgres.pool import DatabaseDown
from infra.redis.carrier_capacity import CarrierCapacity, room_of
from infra.redis.client import RedisDown
from infra.security.sealing import Sealer
from schemas.records.slice import Slice
from schemas.rules.capacity import positions_that_fit
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason

REASONS = [str(Reason.ROOM), str(Reason.CARRIER_STOPPED), str(Reason.SHARE)]
"""What rows wait for that go on as soon as their carrier has room."""
BATCH_ROWS = 64
GUESS_SHARE = 0.4
WORTH = 4
"""Room is given once a quarter of all of it is free: to take a few messages out of a chunk costs as much as to take
hundreds, and what dispatch has lasts longer than the next look. Codes do not wait for it."""
SIDE_BY_SIDE = 4
MOVES_AT_ONCE = 16
"""Each waits for the sinks and asks again and again how far they are: a thousand would take all of PostgreSQL."""


class CapacityRelease:
    """Moves waiting rows to carriers. `anything_waits`: whether there was any row at the last look that may go."""

    def __init__(
        self,
        leases: RowLeases,
        release: Release,
        capacity: CarrierCapacity,
        config: ConfigCache,
        sealer: Sealer,
        moves: CarrierMoves,
        now: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leases = leases
        self._release = release
        self._moves = moves
        self._narrow = NarrowRoom(capacity, sealer)
        self._capacity = capacity
        self._config = config
        self._sealer = sealer
        self._now = now
        self._clock = clock
        self._guessed_at = now()
        self._budgets = ProfileBudgets(capacity.shares, config, clock)
        self._shares: dict[tuple[str, str], TenantShares] = {}
        self._moving: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._move_slots = asyncio.Semaphore(MOVES_AT_ONCE)
        self.rests = Rests(leases, now, clock)
        self.anything_waits = False

    async def turn(self) -> bool:
        """One look at every place; True when something went on. Raises also what a move met since the last one."""
        self._end_moves()
        places = await self.rests.awake_of(await self._places())
        self.anything_waits = bool(places)
        if not places:
            return False
        slots = asyncio.Semaphore(SIDE_BY_SIDE)

        async def one(place: Place, free: int) -> bool:
            async with slots:
                self._start_moving(place, full=free <= 0)
                return await self._serve(place, free)

        room = await self._free(places)
        await self._list_tenants([place for place, free in zip(places, room, strict=True) if free])
        done = await asyncio.gather(*map(one, places, room), return_exceptions=True)
        for fault in done:
            if isinstance(fault, BaseException):
                raise fault
        return any(done)

    async def _places(self) -> list[Place]:
        found: dict[tuple[str, str], list[str]] = {}
        rows = await self._leases.query("waiting_places", {"reasons": REASONS})
        for carrier, lane, reason in rows:
            found.setdefault((carrier, lane), []).append(reason)
        lanes, carriers = list(Lane), self._config.carriers
        return [
            Place(carrier=carriers[carrier], lane=lane, reasons=reasons)
            for (carrier, lane), reasons in sorted(found.items(), key=lambda one: lanes.index(Lane(one[0][1])))
            if carrier in carriers
        ]

    async def _free(self, places: Sequence[Place]) -> list[int]:
        """What may be given at each place now, in segments."""
        now = self._now()
        seconds, self._guessed_at = min(1.0, (now - self._guessed_at) / 1000), now
        try:
            # What waits for a profile's share alone is in nobody's way.
            unsaid = {place.key for place in places if place.reasons == [Reason.SHARE]}
            room = await self._capacity.look_at([(*place.key, place.rate) for place in places], unsaid)
        except RedisDown:
            rates = [place.rate for place in places]
            return [max(1, int(rate * seconds * GUESS_SHARE)) if rate > 0 else 0 for rate in rates]
        return [
            0 if place.lane != Lane.OTP and free < room_of(place.rate) // WORTH else free
            for place, free in zip(places, room, strict=True)
        ]

    async def _list_tenants(self, places: Sequence[Place]) -> None:
        """Whose rows wait at these places, where it is time to look again."""
        begun = self._clock()
        stale = [place for place in places if self._shares_of(place).list_again_at <= begun]
        asked = [(*place.key, reason) for place in stale for reason in place.reasons]
        if not asked:
            return
        carriers, lanes, reasons = (list(column) for column in zip(*asked, strict=True))
        params = {"carriers": carriers, "lanes": lanes, "reasons": reasons}
        waiting: dict[tuple[str, str], dict[str, list[Queue]]] = {place.key: {} for place in stale}
        for number, tenant, profile in await self._leases.query("waiting_tenants", params):
            carrier, lane, reason = asked[number]
            waiting[carrier, lane].setdefault(tenant, []).append(Queue(reason, profile))
        for place in stale:
            shares = self._shares_of(place)
            shares.follow(waiting[place.key], self._config.weight)
            shares.list_again_at = begun + list_again_after(len(waiting[place.key]))

    def _shares_of(self, place: Place) -> TenantShares:
        return self._shares.setdefault(place.key, TenantShares())

    def _start_moving(self, place: Place, *, full: bool) -> None:
        """To another carrier, where this one takes nothing or is full: beside what is served, for it waits for the sinks."""
        if place.key not in self._moving:
            self._moving[place.key] = asyncio.create_task(self._move(place, full), name="moves")

    async def _move(self, place: Place, full: bool) -> None:
        async with self._move_slots:
            for reason in place.reasons:
                await self._moves.turn(place.carrier, place.lane, reason, self._now(), full=full)

    def _end_moves(self) -> None:
        """Forget those that are over, and raise what they met, of many the same once. Trap: one that stayed would raise with
        every turn, and nothing that waits at its place would ever go again."""
        over = [key for key, move in self._moving.items() if move.done()]
        faults = [fault for key in over if (fault := self._moving.pop(key).exception()) is not None]
        if faults:
            raise next((fault for fault in faults if not isinstance(fault, DatabaseDown)), faults[0])

    async def _serve(self, place: Place, free: int) -> bool:
        if place.carrier.id in self._config.carriers:  # it may have waited for its turn behind many others
            place = replace(place, carrier=self._config.carriers[place.carrier.id])
        shares = self._shares_of(place)
        free = free if place.rate > 0 else 0
        budget = await self._budget(place, shares, free)
        wanted = shares.share_out(free, place.rate) if free > 0 else {}
        if not wanted:
            await self._budgets.give_back(budget, {})
            return False
        asked = [
            (tenant, queue, part * reach(place.carrier))
            for tenant, part in wanted.items()
            for queue in shares.queues[tenant]
            if not budget.full(queue.profile)
        ]
        rows = await self._leases.claim_shares(*place.key, asked, self._now(), BATCH_ROWS)
        missing = wanted.keys() - {row.tenant for row in rows}
        for tenant in missing:
            shares.set_aside(tenant)
        going, aside = await self._ready(rows)
        given, let_be = await self._give(place, going, wanted, free, budget)
        used = Counter[str]()
        for row, slice_, _ in given:
            shares.charge(row.tenant, sum(slice_.segments))
            used[slice_.profile or ""] += sum(slice_.segments)
        await self._budgets.give_back(budget, used)
        if given or aside or let_be:
            return True
        if missing and not rows and not shares.queues and not budget.any_full:
            self.rests.begin(place)
        # Who stood behind those of whom nothing may go is asked at once. Trap: whoever is paused is listed again each turn,
        # so that without others the releaser would never rest.
        return bool(missing and not rows and shares.queues)

    async def _budget(self, place: Place, shares: TenantShares, free: int) -> Budget:
        """What profiles may be given here; who waits for shares that are used up alone is set aside."""
        if free <= 0 or Reason.SHARE not in place.reasons:
            return NO_BUDGET
        profiles = {queue.profile for queues in shares.queues.values() for queue in queues if queue.profile}
        budget = await self._budgets.take(place.carrier, place.lane, profiles, free)
        for tenant, queues in list(shares.queues.items()):
            if all(budget.full(queue.profile) for queue in queues):
                shares.set_aside(tenant)
        return budget

    async def _ready(self, rows: list[HeldRow]) -> tuple[list[HeldRow], list[HeldRow]]:
        """Those that may go now, and those that something else is to be done with: intake says when their hours open again,
        and what is under a share by now waits for that."""
        now = self._now()
        closed = [row for row in rows if 0 < row.slice.closes_at <= now]
        if closed:
            await self._release.to_intake(closed)
        late = [
            row
            for row in rows
            if row.reason != Reason.SHARE
            and self._budgets.is_limited(row.slice.profile, row.slice.lane)
            and row not in closed
        ]
        await self._leases.to_share(late)
        aside = closed + late
        return ([row for row in rows if row not in aside] if aside else rows), aside

    async def _give(
        self, place: Place, rows: list[HeldRow], shares: dict[str, int], free: int, budget: Budget
    ) -> tuple[list[tuple[HeldRow, Slice, int]], bool]:
        """(what of these rows goes to the carrier, whether any is let be, as its sender or network has no room)."""
        whole = each(await self._release.complete(rows), counted)
        narrow = await self._narrow.ask(place.carrier, place.lane, whole, budget)
        able = [
            (row, slice_, one.positions, segments_of(slice_, one.positions))
            for (row, slice_), one in zip(whole, narrow, strict=True)
        ]
        grants = await self._ask(place, able, costs(able, shares, budget), free)
        wanted = [
            (row, slice_, positions_that_fit(positions, segments, cost) if cost else 0)
            for (row, slice_, positions, segments), cost in zip(able, grants, strict=True)
        ]
        granted = each([one for one in wanted if one[2]], self._cut)
        await self._release.to_carrier(granted, place.carrier.partition, one_process=place.carrier.one_process)
        await self._narrow.give_back(place.carrier, place.lane, wanted, narrow)
        let_be = [(row, one.wait_ms) for (row, _), one in zip(whole, narrow, strict=True) if not one.positions]
        keys = {row.key for row, _ in let_be}
        # What failed of itself keeps its lease: given back, it would stand in front of the others again at once.
        await self._leases.mark([(row, row.started) for row, _, going in wanted if not going and row.key not in keys])
        for wait in {wait for _, wait in let_be}:
            await self._leases.postpone([row for row, other in let_be if other == wait], self._now() + wait)
        return granted, bool(let_be)

    def _cut(self, wanted: tuple[HeldRow, Slice, int]) -> tuple[HeldRow, Slice, int]:
        row, slice_, positions = wanted
        return row, self._sealer.narrow(slice_, positions), positions | row.started

    async def _ask(self, place: Place, able: Sequence[Able], costs: list[int], free: int) -> list[int]:
        asks = [
            request_of(place.carrier, place.lane, slice_, segments, cost)
            for (_, slice_, _, segments), cost in zip(able, costs, strict=True)
            if cost
        ]
        try:
            granted = iter(await self._capacity.ask(asks))
        except RedisDown:
            granted = iter(within(free, [ask.cost for ask in asks]))
        return [next(granted) if cost else 0 for cost in costs]
