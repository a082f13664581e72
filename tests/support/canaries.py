"""Words and numbers that no one else writes, and the search for them in everything that a stack leaves behind.

In: texts, numbers, the bytes of files, records, rows. Out: which of them stand there, in clear or in any usual form: UTF-8,
base64, hex, UTF-16, and for numbers packed either way and as Avro writes them. Holes of sparse files are passed over.
"""

from __future__ import annotations

import base64
import errno
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import psycopg
import redis
from psycopg import sql

OVERLAP = 256
"""Bytes that two blocks of a file share, so that nothing is missed between them."""
BLOCK = 1 << 24


@cache
def forms_of_text(text: str) -> frozenset[bytes]:
    """The ways in which a text of ten characters or more could stand in bytes."""
    plain = text.encode()
    wide = [text.encode("utf-16-le"), text.encode("utf-16-be")]
    hexed = [form.hex() for form in (plain, *wide)]
    # A text begins anywhere within three bytes of what is encoded: one of these stands there whatever is around it.
    aligned = [base64.b64encode(plain[i : i + (len(plain) - i) // 3 * 3]) for i in range(3)]
    return frozenset([plain, *wide, *aligned, *(h.encode() for h in hexed), *(h.upper().encode() for h in hexed)])


@cache
def forms_of_number(number: str) -> frozenset[bytes]:
    """The same for a number; a short one only as digits."""
    digits = number.lstrip("+")
    if len(digits) <= 9:
        return frozenset([digits.encode()])
    value = int(digits)
    packed = [struct.pack("<Q", value), struct.pack(">Q", value)]
    return forms_of_text(digits) | {
        digits[2:].encode(),
        *packed,
        _avro_long(value),
        *(form.hex().encode() for form in packed),
    }


def found(content: bytes, wanted: Mapping[str, Iterable[bytes]]) -> list[str]:
    """The names of what stands in these bytes."""
    return [name for name, forms in wanted.items() if any(form in content for form in forms)]


def found_in_file(path: Path, wanted: Mapping[str, Iterable[bytes]]) -> list[str]:
    """The same for a file; nothing when it has just been taken away."""
    try:
        return sorted({name for content in _data_of(path) for name in found(content, wanted)})
    except FileNotFoundError:
        return []


def rows_of(postgres: str) -> Iterator[tuple[str, bytes]]:
    """Every row of every table, with its bytes: the server's own files may hold them compressed."""
    with psycopg.connect(postgres) as connection:
        tables = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        for table in tables:
            rows = connection.execute(sql.SQL("SELECT row_to_json(t)::text FROM {} t").format(sql.Identifier(table)))
            for (row,) in rows:
                plain = b"".join(bytes.fromhex(value[3:]) for value in row.split('"') if value.startswith("\\\\x"))
                yield table, row.encode() + plain


def keys_of(address: str) -> Iterator[tuple[str, bytes]]:
    """Every key of Redis, with its value as it would be dumped."""
    with redis.Redis.from_url(address) as client:
        for name in client.scan_iter():
            yield repr(name), name + (client.dump(name) or b"")


def _data_of(path: Path) -> Iterator[bytes]:
    """Blocks of what is really there: index files of Kafka are ten megabytes of nothing."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        end = os.fstat(descriptor).st_size
        at = 0
        while at < end:
            try:
                at = os.lseek(descriptor, at, os.SEEK_DATA)
            except OSError as fault:
                if fault.errno == errno.ENXIO:
                    return
                raise
            hole = os.lseek(descriptor, at, os.SEEK_HOLE)
            while at < hole:
                block = os.pread(descriptor, min(BLOCK, hole - at), at)
                if not block:
                    return
                yield block
                at += len(block)
                if at < hole:
                    at -= min(OVERLAP, len(block) - 1)
    finally:
        os.close(descriptor)


def _avro_long(number: int) -> bytes:
    """A number as Avro writes it."""
    rest, out = number << 1, bytearray()
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*out, rest])
