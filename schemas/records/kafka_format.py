"""What a record of Kafka's own format (version 2) says wherever in a batch it stands, and the numbers it is made of.

In: key, value, headers. Out: the bytes of the record from the length of its key on; what stands before them (length, time,
offset) is the batch's affair. Numbers are zigzag and of variable length, as Avro's are. Nothing can go wrong.
"""

from __future__ import annotations

from collections.abc import Sequence


def zigzag(value: int) -> bytes:
    """The number, small ones in one byte, whatever their sign."""
    rest = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def record_body(key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]) -> bytes:
    """The record from the key on."""
    pieces = [zigzag(len(key)), key, zigzag(len(value)), value, zigzag(len(headers))]
    for name, text in headers:
        named = name.encode()
        pieces += (zigzag(len(named)), named, zigzag(len(text)), text)
    return b"".join(pieces)
