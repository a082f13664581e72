"""Where rows wait for room: a carrier and a lane.

In: the carrier as it is configured now. Out: the place. Nothing can go wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.postgres.config_cache import CarrierRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A carrier and lane for which rows wait, for these reasons, and the room that is free there."""

    carrier: CarrierRow
    lane: str
    reasons: list[str]

    @property
    def key(self) -> tuple[str, str]:
        """Which one it is."""
        return self.carrier.id, self.lane

    @property
    def rate(self) -> float:
        """By which room is given there."""
        return self.carrier.room_rate(self.lane)
