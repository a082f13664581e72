"""Rows as PostgreSQL's binary COPY stream, whole columns at a time.

In: Python values and `array` columns. Out: the bytes of fields, rows and streams
(https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"). A number that does not fit its type raises
`struct.error`; text with a zero byte is refused later, by PostgreSQL.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Sequence
from uuid import UUID

_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_LENGTH = struct.Struct(">i")
_INT2 = struct.Struct(">ih")
_INT4 = struct.Struct(">ii")
_INT8 = struct.Struct(">iq")
_ARRAY = struct.Struct(">iiIii")
_OID_INT2, _OID_INT4, _OID_INT8 = 21, 23, 20


def stream(rows: Iterable[bytes]) -> bytes:
    """A whole COPY stream of these rows."""
    return b"".join((_SIGNATURE, *rows, _END))


def row(*fields: bytes) -> bytes:
    """One row of fields, each made by the functions below."""
    return b"".join((len(fields).to_bytes(2, "big"), *fields))


def null() -> bytes:
    """No value."""
    return _NULL


def int2(value: int) -> bytes:
    """smallint"""
    return _INT2.pack(2, value)


def int4(value: int) -> bytes:
    """integer"""
    return _INT4.pack(4, value)


def int8(value: int) -> bytes:
    """bigint"""
    return _INT8.pack(8, value)


def boolean(value: bool) -> bytes:
    """boolean"""
    return b"\0\0\0\1\1" if value else b"\0\0\0\1\0"


def text(value: str | None) -> bytes:
    """text, or null"""
    return _NULL if value is None else blob(value.encode())


def blob(value: bytes | None) -> bytes:
    """bytea, or null"""
    return _NULL if value is None else _LENGTH.pack(len(value)) + value


def uuid(value: str) -> bytes:
    """uuid. Raises ValueError for other text."""
    return b"\0\0\0\x10" + UUID(value).bytes


def jsonb(value: bytes) -> bytes:
    """jsonb from JSON text"""
    return blob(b"\1" + value)


def int2_array(values: array[int]) -> bytes:
    """smallint[] from an array('h'), without nulls"""
    cells = array("H", (0, 2, 0)) * len(values)
    cells[2::3] = array("H", values.tobytes())
    return _array(_OID_INT2, len(values), cells)


def int4_array(values: array[int]) -> bytes:
    """integer[] from an array('i'), without nulls"""
    cells = array("I", (4, 0)) * len(values)
    cells[1::2] = array("I", values.tobytes())
    return _array(_OID_INT4, len(values), cells)


def int8_array(packed: bytes) -> bytes:
    """bigint[] from 8 bytes little-endian each, without nulls"""
    words = array("I", packed)
    cells = array("I", (8, 0, 0)) * (len(words) // 2)
    cells[1::3] = words[1::2]
    cells[2::3] = words[0::2]
    return _array(_OID_INT8, len(words) // 2, cells)


def int8_list(values: Sequence[int | None]) -> bytes:
    """bigint[] in which some are null"""
    cells = b"".join(_NULL if value is None else _INT8.pack(8, value) for value in values)
    return blob(_ARRAY.pack(1, 1, _OID_INT8, len(values), 1) + cells)


def _array(oid: int, count: int, cells: array[int]) -> bytes:
    # Trap: array() is in the machine's own byte order; all machines that this runs on are little-endian.
    cells.byteswap()
    return blob(_ARRAY.pack(1, 0, oid, count, 1) + cells.tobytes())
