"""Which carrier a send was given first: later callers are given the same one, position by position.

In: (chunk, send) and the carrier wanted for each position. Out: the carrier written first for each of them. Kept for
48 h, longer than any validity. Two callers at the same moment: one writes, the other reads what was written and adds
only positions that stand nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from infra.redis.client import Call, Redis, load_script

LIFE_MS = 48 * 3_600_000
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(dict[str, bytes]).decode


class Assignments:
    """The assignments of all sends."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def assign(self, many: Sequence[tuple[str, int, Mapping[str, int]]]) -> list[dict[str, int]]:
        """For each (chunk, send, carrier → positions): the carriers written first, by whomever. Raises RedisDown."""
        script = load_script(__package__, "assign")
        believed: list[dict[str, int] | None] = [None] * len(many)
        merged = [dict(wanted) for _, _, wanted in many]
        unsettled = list(range(len(many)))
        while unsettled:
            answers = await self._redis.run_all(
                [
                    Call(script=script, keys=[_key(*many[n][:2])], args=[_write(believed[n]), _write(merged[n]), LIFE_MS])
                    for n in unsettled
                ]
            )
            unsettled = [
                n
                for n, found in zip(unsettled, answers, strict=True)
                if found is not None and not self._learn(n, _read(found), many[n][2], believed, merged)
            ]
        return [among(known, wanted) for known, (_, _, wanted) in zip(merged, many, strict=True)]

    async def read(self, sends: Sequence[tuple[str, int]]) -> list[dict[str, int]]:
        """Positions by carrier of each (chunk, send), as far as any were assigned; changes nothing. Raises RedisDown."""
        answers = await self._redis.commands([("GET", _key(*send)) for send in sends])
        return [{} if blob is None else _read(blob) for blob in answers]

    @staticmethod
    def _learn(
        n: int,
        known: dict[str, int],
        wanted: Mapping[str, int],
        believed: list[dict[str, int] | None],
        merged: list[dict[str, int]],
    ) -> bool:
        """Take over what stands there; whether nothing is to be added."""
        believed[n], merged[n] = known, merge(known, wanted)
        return merged[n] == known


def merge(known: Mapping[str, int], wanted: Mapping[str, int]) -> dict[str, int]:
    """`known` and those positions of `wanted` that stand nowhere in it."""
    merged = dict(known)
    taken = 0
    for positions in known.values():
        taken |= positions
    for carrier, positions in wanted.items():
        if positions & ~taken:
            merged[carrier] = merged.get(carrier, 0) | (positions & ~taken)
            taken |= positions
    return merged


def among(known: Mapping[str, int], wanted: Mapping[str, int]) -> dict[str, int]:
    """`known`, cut to the positions of `wanted`."""
    asked = 0
    for positions in wanted.values():
        asked |= positions
    return {carrier: positions & asked for carrier, positions in known.items() if positions & asked}


def _key(chunk: str, send: int) -> str:
    return f"assign:{chunk}:{send}"


def _write(carriers: Mapping[str, int] | None) -> bytes:
    """As it is kept; nothing = empty."""
    if carriers is None:
        return b""
    return _pack({carrier: p.to_bytes((p.bit_length() + 7) // 8, "little") for carrier, p in sorted(carriers.items())})


def _read(blob: bytes) -> dict[str, int]:
    return {carrier: int.from_bytes(p, "little") for carrier, p in _unpack(blob).items()}
