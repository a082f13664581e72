"""A page of references, packed: what the carrier's ids of one (chunk, send, carrier) stand for, as one column of octets.

In: columns, one entry for each id. Out: the octets that PostgreSQL keeps of them (19 an id), and columns again: first all
keys, then all destination hashes (8 octets each), positions (2), segments (1), little-endian. Octets of another length raise
ValueError. Whoever writes, reads or places pages asks here.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

WIDTH = 19
"""Octets of an entry."""


@dataclass(slots=True)
class RefPage:
    """`keys`: of carriers' ids (`ref_key`), `hashes`: of destinations, both signed; `positions` in the chunk, `segments` of
    the message."""

    keys: array[int] = field(default_factory=lambda: array("q"))
    hashes: array[int] = field(default_factory=lambda: array("q"))
    positions: array[int] = field(default_factory=lambda: array("H"))
    segments: array[int] = field(default_factory=lambda: array("B"))

    def __len__(self) -> int:
        return len(self.keys)

    def extend(self, other: RefPage) -> None:
        """Add the entries of another page."""
        self.keys.extend(other.keys)
        self.hashes.extend(other.hashes)
        self.positions.extend(other.positions)
        self.segments.extend(other.segments)

    def pack(self) -> bytes:
        """The octets."""
        # Trap: arrays are in the machine's own byte order; all machines that this runs on are little-endian.
        return b"".join((self.keys.tobytes(), self.hashes.tobytes(), self.positions.tobytes(), self.segments.tobytes()))


def unpack(refs: bytes) -> RefPage:
    """The columns of a packed page. Raises ValueError when it cannot be one."""
    count, rest = divmod(len(refs), WIDTH)
    if rest:
        raise ValueError(f"refs: {len(refs)} octets are no entries of {WIDTH}")
    return RefPage(
        array("q", refs[: 8 * count]),
        array("q", refs[8 * count : 16 * count]),
        array("H", refs[16 * count : 18 * count]),
        array("B", refs[18 * count :]),
    )
