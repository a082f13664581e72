"""Sets of positions: the places 0..size-1 of a chunk that a record speaks of, as one `int` whose bit p says that place p
belongs to the set.

In: members or sets. Out: members, sets, and where the members of a smaller set stand in columns that run over a larger
one. A place below 0 raises IndexError or ValueError; nothing else can go wrong.
"""

from __future__ import annotations

from array import array


def places(positions: int) -> list[int]:
    """The members of a position set, ascending.

    >>> places(0b1011)
    [0, 1, 3]
    """
    if positions & (positions + 1) == 0:
        return list(range(positions.bit_length()))
    return [p for p, bit in enumerate(reversed(bin(positions)[2:])) if bit == "1"]


def positions_of(members: list[int]) -> int:
    """The position set with these members.

    >>> bin(positions_of([0, 1, 3]))
    '0b1011'
    """
    row = bytearray(b"0" * ((max(members) + 1) if members else 1))
    for p in members:
        row[~p] = 49
    return int(row, 2)


def everyone(size: int) -> int:
    """The set of all positions of a chunk of this size."""
    return (1 << size) - 1


def ranks_within(whole: int, part: int) -> list[int]:
    """Where the members of `part` stand in columns that run over `whole` (a superset)."""
    if whole == part:
        return list(range(whole.bit_count()))
    return [i for i, p in enumerate(places(whole)) if part >> p & 1]


def ranked_positions(whole: int, part: int) -> list[tuple[int, int]]:
    """(place in a column over `whole`, position) of each member of `part`."""
    return [(rank, p) for rank, p in enumerate(places(whole)) if part >> p & 1]


def pick_indexes(indexes: bytes, ranks: list[int]) -> bytes:
    """The entries at these ranks of a packed uint32 column."""
    column = array("I", indexes)
    return array("I", [column[i] for i in ranks]).tobytes()
