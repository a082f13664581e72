"""How carriers are doing, told by dispatch: kept for a few seconds, so that what a dead process said is soon forgotten.

In: the health of carriers by lane. Out: the same for whoever chooses a carrier, None where nobody has told lately: that is
no sign that anything is wrong. Raises RedisDown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from infra.redis.client import Redis
from schemas.rules.carrier_health import CarrierHealth, read_health, write_health

LIFE_MS = 5_000


class CarrierHealthBoard:
    """Of all carriers; dispatch tells each second, and at once what has changed."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def tell(self, lanes: Iterable[str], carriers: Mapping[str, CarrierHealth]) -> None:
        """These carriers are doing so in these lanes."""
        listed = list(lanes)
        await self._redis.commands(
            [
                ("SET", _key(carrier, lane), write_health(health), "PX", LIFE_MS)
                for carrier, health in carriers.items()
                for lane in listed
            ]
        )

    async def read(self, places: Sequence[tuple[str, str]]) -> list[CarrierHealth | None]:
        """For each (carrier, lane) what was told of it."""
        if not places:
            return []
        return [read_health(text) for text in await self._redis.command("MGET", *(_key(*place) for place in places))]


def _key(carrier: str, lane: str) -> str:
    return f"health:{carrier}:{lane}"
