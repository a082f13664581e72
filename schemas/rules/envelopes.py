"""Which slices travel in one record: runs that may share it and fit into what Kafka takes.

In: slices in their order. Out: groups in that order. A slice that is too large for a record by itself stands alone. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from schemas.records.slice import ENVELOPE_BYTES, Slice


def group_slices(slices: Iterable[Slice], most: int,
                 key: Callable[[Slice], object] = lambda _slice: None) -> list[list[Slice]]:
    """Groups of at most so many slices; only neighbours with the same key share one."""
    groups: list[list[Slice]] = []
    room = 0
    last: object = None
    for slice_ in slices:
        own = key(slice_)
        if not groups or own != last or len(groups[-1]) >= most or room < slice_.weight:
            groups.append([])
            room = ENVELOPE_BYTES
        groups[-1].append(slice_)
        room -= slice_.weight
        last = own
    return groups
