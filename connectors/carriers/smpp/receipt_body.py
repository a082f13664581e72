"""The body of a deliver_sm or data_sm as far as it can be read, for receipts that break the standard in a trifle.

In: a body. Out: `Body`, and the `Reading`s of its last part: which octets are the text and which are optional parameters.
Most bodies have one reading. Where the declared length of the text is wrong by one, a parameter is cut off, or octets stand
behind the last one, further readings follow, the likeliest first; whoever knows what the text should say chooses. Fields
may be longer than the standard allows as long as their NUL is there. No body: None. Nothing raises.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from connectors.carriers.smpp import pdu

_ADDRESSES = rb"(?s)[^\0]*\0..([^\0]*)\0..([^\0]*)\0(.)"
_DELIVER = re.compile(_ADDRESSES + rb"..[^\0]*\0[^\0]*\0..(.).(.)")
_DATA = re.compile(_ADDRESSES + rb".(.)")
_TLV_HEADER = struct.Struct(">HH")
_ESM_UDH = 0x40
_STANDARD_TAGS = frozenset(
    {
        *range(0x0005, 0x0031),
        *range(0x0201, 0x0211),
        *range(0x0302, 0x0305),
        0x0381,
        *range(0x0420, 0x0431),
        0x0501,
        *range(0x0600, 0x0613),
        *range(0x1201, 0x1205),
        0x130C,
        0x1380,
        0x1383,
    }
)
_VENDORS_TAGS = range(0x1400, 0x4000)


class Body(NamedTuple):
    """`size`: the length of the text as declared; `rest`: the text and whatever follows it."""

    source: str
    destination: str
    esm_class: int
    data_coding: int
    size: int
    rest: bytes


class Reading(NamedTuple):
    """`text`: without a user data header. `as_declared`: the length of the text was taken as it stands there; `clear`: and
    nothing behind it is left over."""

    text: bytes
    tlvs: dict[int, bytes]
    as_declared: bool
    clear: bool = False


def read_deliver(buffer: bytes, start: int, end: int) -> Body | None:
    """The body of a deliver_sm."""
    found = _DELIVER.match(buffer, start, end)
    if found is None:
        return None
    source, destination, esm_class, data_coding, size = found.groups()
    return Body(
        source.decode("latin-1"),
        destination.decode("latin-1"),
        esm_class[0],
        data_coding[0],
        size[0],
        buffer[found.end() : end],
    )


def read_data(buffer: bytes, start: int, end: int) -> Body | None:
    """The body of a data_sm: its text is an optional parameter."""
    found = _DATA.match(buffer, start, end)
    if found is None:
        return None
    source, destination, esm_class, data_coding = found.groups()
    return Body(
        source.decode("latin-1"), destination.decode("latin-1"), esm_class[0], data_coding[0], 0, buffer[found.end() : end]
    )


def readings(body: Body) -> Iterator[Reading]:
    """How text and optional parameters may be told apart."""
    rest, size, udh = body.rest, body.size, body.esm_class & _ESM_UDH
    for at in (size, size - 1, size + 1):
        tlvs = _whole_tlvs(rest[at:]) if 0 <= at <= len(rest) else None
        if tlvs is not None and (at == size or all(map(_known, tlvs))):
            yield Reading(_without_header(rest[:at]) if udh else rest[:at], tlvs, at == size, at == size)
    text = rest[:size]
    yield Reading(_without_header(text) if udh else text, _some_tlvs(rest[size:]), as_declared=True)
    yield Reading(rest, {}, as_declared=False)


def _whole_tlvs(raw: bytes) -> dict[int, bytes] | None:
    try:
        return pdu.decode_tlvs(raw)
    except pdu.PduError:
        return None


def _some_tlvs(raw: bytes) -> dict[int, bytes]:
    """The optional parameters before the first that cannot be read; of one that is cut off what is there."""
    found: dict[int, bytes] = {}
    position = 0
    while len(raw) - position >= _TLV_HEADER.size:
        tag, length = _TLV_HEADER.unpack_from(raw, position)
        position += _TLV_HEADER.size
        value = raw[position : position + length]
        # Trap: half an id is another id; only its NUL says that it is whole.
        if len(value) == length or tag != pdu.TLV_RECEIPTED_MESSAGE_ID or b"\0" in value:
            found[tag] = value
        position += length
    return found


def _known(tag: int) -> bool:
    return tag in _STANDARD_TAGS or tag in _VENDORS_TAGS


def _without_header(text: bytes) -> bytes:
    """The text behind its user data header, or all of it when what is said to be one is none."""
    size = 1 + text[0] if text else 0
    at = 1
    while at + 1 < size:
        at += 2 + text[at + 1] if at + 1 < len(text) else size
    return text[size:] if at == size <= len(text) else text
