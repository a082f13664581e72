"""Which slices share a record: runs in their order, bounded by number and by bytes.

In: slices. Out: groups of one lane (`key`: and of one key), none of them empty, each small enough for Kafka, which refuses
records of more than a megabyte whole. A slice larger than the bound stands alone. Nothing can go wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter

from schemas.records.slice import ENVELOPE_BYTES, Slice

_weight: Callable[[Slice], int] = attrgetter("weight")


def group_slices(
    slices: Iterable[Slice],
    *,
    most: int,
    most_bytes: int = ENVELOPE_BYTES,
    size: Callable[[Slice], int] = _weight,
    key: Callable[[Slice], object] | None = None,
) -> list[list[Slice]]:
    """Groups of at most `most` slices and, by `size`, `most_bytes`."""
    groups: list[list[Slice]] = []
    left, shared = 0, None
    for slice_ in slices:
        own, wanted = size(slice_), (slice_.lane, key(slice_) if key else None)
        if not groups or wanted != shared or len(groups[-1]) >= most or own > left:
            groups.append([])
            left, shared = most_bytes, wanted
        groups[-1].append(slice_)
        left -= own
    return groups
