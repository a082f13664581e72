"""Which carrier a send was given first: later callers are given the same one, position by position.

In: (chunk, send) and the carrier wanted for each position. Out: the carrier written first for each of them. Kept for
48 h, longer than any validity. Two callers at the same moment: one writes, the other reads what was written and adds
only positions that stand nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from infra.redis.client import Redis, load_script

LIFE_MS = 48 * 3_600_000
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(dict[str, bytes]).decode


class Assignments:
    """The assignments of all sends."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def assign(self, chunk: str, send: int, wanted: Mapping[str, int]) -> dict[str, int]:
        """The carrier of each wanted position: the one written first, by whomever. Raises RedisDown."""
        script = load_script(__package__, "assign")
        believed, blob = b"", _write(wanted)
        while True:
            found = await self._redis.run(script, [f"assign:{chunk}:{send}"], [believed, blob, LIFE_MS])
            if found is None:
                break
            known = _read(found)
            merged = merge(known, wanted)
            if merged == known:
                return among(known, wanted)
            believed, blob = found, _write(merged)
        return among(_read(blob), wanted)


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


def _write(carriers: Mapping[str, int]) -> bytes:
    return _pack({carrier: p.to_bytes((p.bit_length() + 7) // 8, "little") for carrier, p in sorted(carriers.items())})


def _read(blob: bytes) -> dict[str, int]:
    return {carrier: int.from_bytes(p, "little") for carrier, p in _unpack(blob).items()}
