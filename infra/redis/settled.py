"""The long window: which positions of a (chunk, send) have been settled, kept longer than any validity.

In: positions as dispatch settles them. Out: the same when a slice comes again, hours later. How far back a miss proves
anything depends on how long this Redis has been there: `age_seconds`, counted from a key made at the first contact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from infra.redis.client import Call, Redis, load_script

LIFE_SECONDS = 48 * 3600
_EPOCH = "settled:epoch"


class SettledWindow:
    """The bitmaps of all sends. Every call raises RedisDown when Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def merge(self, settled: Mapping[tuple[str, int], int]) -> None:
        """Add these positions."""
        script = load_script(__package__, "settled")
        await self._redis.run_all(
            [
                Call(script=script, keys=[_key(*place)], args=[_bitmap(positions), LIFE_SECONDS * 1000])
                for place, positions in settled.items()
            ]
        )

    async def read(self, places: Sequence[tuple[str, int]]) -> list[int]:
        """The settled positions of each (chunk, send); 0 where nothing is known."""
        if not places:
            return []
        found = await self._redis.command("MGET", *(_key(*place) for place in places))
        return [int.from_bytes(bitmap or b"", "little") for bitmap in found]

    async def age_seconds(self) -> float:
        """How long this Redis has been keeping the window."""
        return float(await self._redis.run(load_script(__package__, "settled_age"), [_EPOCH], []))


def _key(chunk: str, send: int) -> str:
    return f"settled:{chunk}:{send}"


def _bitmap(positions: int) -> bytes:
    return positions.to_bytes((positions.bit_length() + 7) // 8, "little")
