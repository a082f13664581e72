"""Carriers' message ids as numbers, so that looking one up costs little.

In: an id in its normal form, or many of them. Out: its key, a signed 64-bit number: the id itself where it is a number, so
that ids given one after the other lie side by side in an index; else a hash, below zero. Two ids may share a key; whoever
looks up also compares the destination.
"""

from __future__ import annotations

from array import array
from hashlib import sha256

MAX_DIGITS = 18


def ref_key(carrier_id: str) -> int:
    """The key of this id."""
    if carrier_id.isdecimal() and len(carrier_id) <= MAX_DIGITS and carrier_id.isascii() and carrier_id[0] != "0":
        return int(carrier_id)
    return -1 - (int.from_bytes(sha256(carrier_id.encode()).digest()[:8], "little") >> 1)


def ref_keys(carrier_ids: list[str]) -> array[int]:
    """The key of each of these ids. Numbers, which most carriers give, are told from others all at once."""
    together = "".join(carrier_ids)
    if together.isdecimal() and together.isascii() and "0" not in {one[:1] for one in carrier_ids}:
        lengths = set(map(len, carrier_ids))
        if min(lengths) > 0 and max(lengths) <= MAX_DIGITS:
            return array("q", map(int, carrier_ids))
    return array("q", map(ref_key, carrier_ids))
