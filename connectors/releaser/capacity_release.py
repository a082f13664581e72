"""Rows that wait for room at a carrier go to dispatch as soon as and as far as there is room.

In: carriers and lanes for which rows wait. Out: dispatch slices for what `CarrierCapacity` grants, the rest of a row keeps
waiting; the flag that makes intake queue behind what waits already. Where nothing is started at a carrier, what another one
takes goes there (`carrier_moves.py`). With Redis gone the room is guessed: the carrier's rate
for the time that passed, less a fifth, shared by two.
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.releaser.carrier_moves import CarrierMoves
from connectors.releaser.leases import RowLeases
from connectors.releaser.release import Release
from connectors.releaser.rows import HeldRow, each
from infra.postgres.config_cache import CarrierRow, ConfigCache
from infra.redis.carrier_capacity import CapacityRequest, CarrierCapacity
from infra.redis.client import RedisDown
from infra.security.sealing import Sealer
from schemas.records.slice import RecordError, Slice
from schemas.rules.capacity import positions_that_fit
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason

REASONS = [str(Reason.ROOM), str(Reason.CARRIER_STOPPED)]
"""What rows wait for that go on as soon as their carrier has room."""
BATCH_ROWS = 64
GUESS_SHARE = 0.4


class CapacityRelease:
    """Moves waiting rows to carriers. `anything_waits`: whether there was any row at the last look."""

    def __init__(
        self,
        leases: RowLeases,
        release: Release,
        capacity: CarrierCapacity,
        config: ConfigCache,
        sealer: Sealer,
        moves: CarrierMoves,
        now: Callable[[], int],
    ) -> None:
        self._leases = leases
        self._release = release
        self._moves = moves
        self._capacity = capacity
        self._config = config
        self._sealer = sealer
        self._now = now
        self._guessed_at = now()
        self.anything_waits = False

    async def turn(self) -> bool:
        """One look at every place; True when something went on."""
        places = await self._leases.query(
            "waiting_places", {"now": self._now(), "lanes": [str(lane) for lane in Lane], "reasons": REASONS}
        )
        moved, self.anything_waits = False, bool(places)
        for carrier_id, lane, reason in places:
            carrier = self._config.carriers.get(carrier_id)
            if carrier is not None:
                moved |= await self._serve(carrier, lane, reason)
        self._guessed_at = self._now()
        return moved

    async def _serve(self, carrier: CarrierRow, lane: str, reason: str) -> bool:
        if await self._moves.turn(carrier, lane, reason, self._now()):
            return True
        free = await self._free(carrier, lane)
        if free < 1:
            return False
        rows = await self._leases.claim(
            "room", self._now(), min(BATCH_ROWS, free), carrier=carrier.id, lane=lane, reason=reason
        )
        now = self._now()
        closed = [row for row in rows if 0 < row.slice.closes_at <= now]
        if closed:  # intake says when their hours open again
            await self._release.to_intake(closed)
            rows = [row for row in rows if row not in closed]
        whole = each(await self._release.complete(rows), _counted)
        grants = await self._ask(carrier, lane, [slice_ for _, slice_ in whole], free)
        wanted = [
            (row, slice_, positions_that_fit(slice_.positions, slice_.segments, cost))
            for (row, slice_), cost in zip(whole, grants, strict=True)
        ]
        granted = each([one for one in wanted if one[2]], self._cut)
        await self._release.to_carrier(granted, carrier.partition)
        # What failed of itself keeps its lease: given back, it would stand in front of the others again at once.
        await self._leases.mark([(row, row.started) for row, _, positions in wanted if not positions])
        return bool(granted or closed)

    def _cut(self, wanted: tuple[HeldRow, Slice, int]) -> tuple[HeldRow, Slice, int]:
        row, slice_, positions = wanted
        return row, self._sealer.narrow(slice_, positions), positions | row.started

    async def _free(self, carrier: CarrierRow, lane: str) -> int:
        try:
            await self._capacity.set_waiting(carrier.id, lane)
            return await self._capacity.free(carrier.id, lane, carrier.rate)
        except RedisDown:
            seconds = min(1.0, (self._now() - self._guessed_at) / 1000)
            return max(1, int(carrier.rate * seconds * GUESS_SHARE)) if carrier.rate > 0 else 0

    async def _ask(self, carrier: CarrierRow, lane: str, slices: list[Slice], free: int) -> list[int]:
        costs = [sum(slice_.segments) for slice_ in slices]
        try:
            return await self._capacity.ask(
                [
                    CapacityRequest(
                        carrier=carrier.id,
                        lane=lane,
                        chunk=slice_.chunk,
                        send=slice_.send,
                        cost=cost,
                        rate=carrier.rate,
                        least=slice_.segments[0],
                    )
                    for slice_, cost in zip(slices, costs, strict=True)
                ]
            )
        except RedisDown:
            grants = []
            for cost in costs:
                grants.append(min(cost, free))
                free -= grants[-1]
            return grants


def _counted(pair: tuple[HeldRow, Slice]) -> tuple[HeldRow, Slice]:
    """Room is given for segments: a row that does not tell them cannot ask for any."""
    if not pair[1].segments:
        raise RecordError("segments: none, of a row that waits for room")
    return pair
