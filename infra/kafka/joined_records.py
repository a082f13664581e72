"""The records of a batch in Kafka's own format, one behind the other, each with what only its place in the batch decides.

In: bodies of records (`schemas.records.kafka_format.record_body`), in order. Out: their bytes, each after its length, its
attributes, and its time and offset within the batch. `joined_records.pyx` is the same in C; a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.records.kafka_format import zigzag

_SIZES = tuple(map(zigzag, range(2048)))
_BEGINS = tuple(b"\0\0" + zigzag(offset) for offset in range(4096))
"""Attributes, time since the batch's and offset since the batch's of its first records."""


def join_records(bodies: Sequence[bytes]) -> bytes:
    """All of a batch."""
    pieces: list[bytes] = []
    sizes, most = _SIZES, len(_SIZES)
    for begin, body in zip(_begins(len(bodies)), bodies, strict=True):
        size = len(begin) + len(body)
        pieces += (sizes[size] if size < most else zigzag(size), begin, body)
    return b"".join(pieces)


def _begins(count: int) -> Sequence[bytes]:
    if count <= len(_BEGINS):
        return _BEGINS[:count]
    return [*_BEGINS, *(b"\0\0" + zigzag(offset) for offset in range(len(_BEGINS), count))]
