"""Public events as records of Kafka's own format, put together from pieces that are encoded already.

In: columns, the pieces that all events of a block share, and for each event the pieces it shares with others. Out: the
records, from the length of their keys on. Avro's numbers are those of Kafka's records, so key and id are the same bytes in
both. `receipt_bodies.pyx` is the same in C; a test holds the two equal. Wrong: ValueError when a column is longer than
another, or a hash is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.records.kafka_format import zigzag

_NULL = b"\0"
_SOME = b"\x02"
_SUBJECT = b"\x14ce_subject"
_LENGTHS = tuple(zigzag(length) for length in range(1024))
_MOST = len(_LENGTHS)

_Pieces = tuple[bytes, bytes, bytes]
"""Middle and end of the value, and the first headers up to the name of the one that holds the id."""


def join_bodies(
    ids: Sequence[bytes],
    refs: Iterable[str | None],
    carrier_ids: Iterable[str | None],
    pieces: Iterable[_Pieces],
    hashes: bytes,
    width: int,
    wire: bytes,
    owner: bytes,
    numbers: bytes,
) -> list[bytes]:
    """`hashes`: `width` characters each; `wire`: what every value begins with; `owner`: behind the id; `numbers`: behind the
    id in the header."""
    if width * len(ids) > len(hashes):
        raise ValueError("a hash is missing")
    out: list[bytes] = []
    join, place, hash_length = b"".join, 0, zigzag(width)
    rest = len(wire) + len(owner) + len(hash_length) + width
    for message_id, ref, carrier_id, (middle, tail, first) in zip(ids, refs, carrier_ids, pieces, strict=True):
        key = _text(message_id)
        client = _NULL if ref is None else _SOME + _text(ref.encode())
        theirs = _NULL if carrier_id is None else _SOME + _text(carrier_id.encode())
        size = rest + len(key) + len(client) + len(middle) + len(theirs) + len(tail)
        out.append(
            join(
                (
                    key,
                    _LENGTHS[size] if size < _MOST else zigzag(size),
                    wire,
                    key,
                    owner,
                    client,
                    hash_length,
                    hashes[place : place + width],
                    middle,
                    theirs,
                    tail,
                    first,
                    zigzag(len(message_id) + len(numbers)),
                    message_id,
                    numbers,
                    _SUBJECT,
                    key,
                )
            )
        )
        place += width
    return out


def _text(raw: bytes) -> bytes:
    length = len(raw)
    return (_LENGTHS[length] if length < _MOST else zigzag(length)) + raw
