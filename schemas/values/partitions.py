"""The partitions of many keys at once: what `ids.partition_of` says of each, for a tenth of its price.

In: keys, in blocks whose ids differ in their last digits. Out: a partition for each. Wrong: ValueError for a topic without
partitions. Keys of one length are hashed side by side: each has 64 bits of one large number, 32 for its hash and 32 for the
carry of a product, so that one operation of the interpreter does a step of murmur2 for all of them. What they begin with
alike is hashed once.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache

from schemas.values.ids import partition_of

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF
FEW = 8
"""So many keys are hashed one by one."""


def partitions_of(keys: Sequence[bytes], partitions: int) -> list[int]:
    """The partition of each key, 0..partitions-1, in order."""
    if partitions == 1:
        return [0] * len(keys)
    places: dict[int, list[int]] = {}
    for place, length in enumerate(map(len, keys)):
        places.setdefault(length, []).append(place)
    if len(places) == 1 and len(keys) >= FEW:
        return _side_by_side(keys, len(keys[0]), partitions)
    out = [0] * len(keys)
    for length, group in places.items():
        members = [keys[place] for place in group]
        found = (
            _side_by_side(members, length, partitions)
            if len(group) >= FEW
            else [partition_of(key, partitions) for key in members]
        )
        for place, partition in zip(group, found, strict=True):
            out[place] = partition
    return out


@lru_cache(maxsize=64)
def _lanes(count: int) -> tuple[int, int]:
    """1 in each of so many lanes, and 32 bits that are set in each."""
    ones = int.from_bytes(b"\1\0\0\0\0\0\0\0" * count, "little")
    return ones, ones * _MASK


def _side_by_side(keys: Sequence[bytes], length: int, partitions: int) -> list[int]:
    """Those of keys that are all of this length."""
    if partitions < 1:
        raise ValueError("a topic has at least one partition")
    count, joined = len(keys), b"".join(keys)
    ones, mask = _lanes(count)
    whole = length & ~3
    alike = _alike(min(keys), max(keys)) & ~3
    hashed = _begin(keys[0][:alike], length) * ones
    for at in range(alike, whole, 4):
        word = _column(joined, at, 4, length, count) * _M & mask
        word = ((word ^ word >> 24) & mask) * _M & mask
        hashed = (hashed * _M & mask) ^ word
    if length > whole:
        hashed = (hashed ^ _column(joined, whole, length - whole, length, count)) * _M & mask
    hashed = ((hashed ^ hashed >> 13) & mask) * _M & mask
    hashed ^= hashed >> 15
    # The upper half of a lane holds what the shift brought in of its neighbour.
    lanes = struct.unpack(f"<{count}Q", hashed.to_bytes(8 * count, "little"))
    return [(lane & 0x7FFFFFFF) % partitions for lane in lanes]


def _alike(first: bytes, second: bytes) -> int:
    """How many bytes both begin with."""
    return next((place for place, (one, other) in enumerate(zip(first, second, strict=True)) if one != other), len(first))


def _begin(prefix: bytes, length: int) -> int:
    """The hash so far of keys of this length that begin with these whole words."""
    hashed = _SEED ^ length
    for at in range(0, len(prefix), 4):
        word = int.from_bytes(prefix[at : at + 4], "little") * _M & _MASK
        word = (word ^ word >> 24) * _M & _MASK
        hashed = (hashed * _M & _MASK) ^ word
    return hashed


def _column(joined: bytes, at: int, width: int, length: int, count: int) -> int:
    """The bytes at `at` of each key of this length, little-endian, one key a lane."""
    lanes = bytearray(8 * count)
    for byte in range(width):
        lanes[byte::8] = joined[at + byte :: length]
    return int.from_bytes(lanes, "little")
