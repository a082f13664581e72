"""Places where nothing that waits may go, as its campaigns are paused: they are let be, and nobody queues behind them.

In: places at which a look found nothing that may go; word that something has changed. Out: the places to look at. Whether
something may go again is asked of PostgreSQL twice a second, and at once when it tells of something. Raises `DatabaseDown`.
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.releaser.leases import RowLeases
from connectors.releaser.place import Place

REST_SECONDS = 0.5


class Rests:
    """Of one releaser. `now` in milliseconds, `clock` in seconds that never go back."""

    def __init__(self, leases: RowLeases, now: Callable[[], int], clock: Callable[[], float]) -> None:
        self._leases = leases
        self._now = now
        self._clock = clock
        self._until: dict[tuple[str, str], float] = {}

    def begin(self, place: Place) -> None:
        """Nothing that waits there may go now."""
        self._until[place.key] = self._clock() + REST_SECONDS

    def end(self) -> None:
        """Something has changed: what could not go may go now."""
        self._until = dict.fromkeys(self._until, 0.0)

    async def awake_of(self, places: list[Place]) -> list[Place]:
        """Those of which nobody knows that nothing may go; where it is time for it that is found out."""
        begun = self._clock()
        known = {place.key for place in places}
        self._until = {key: until for key, until in self._until.items() if key in known}
        asked = [
            (*place.key, reason) for place in places if self._until.get(place.key, begun) < begun for reason in place.reasons
        ]
        if asked:
            carriers, lanes, reasons = (list(column) for column in zip(*asked, strict=True))
            params = {"carriers": carriers, "lanes": lanes, "reasons": reasons, "now": self._now()}
            may_go = await self._leases.query("may_go", params, by_index=True)
            for carrier, lane, _ in asked:
                self._until[carrier, lane] = begun + REST_SECONDS
            for (number,) in may_go:
                self._until.pop(asked[number][:2], None)
        return [place for place in places if place.key not in self._until]
