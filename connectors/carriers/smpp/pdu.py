"""SMPP 3.4 on the wire: bytes in, fields out, and back. Knows no connection, no time, no meaning.

In: buffers as they come from a socket; fields to write. Out: frames (positions in the buffer), decoded bodies, whole
PDUs. A PDU that breaks the standard raises `PduError` with the command_status to answer; lengths are bounded before
anything is copied. Bodies are decoded by one regular expression each: its bounds are the standard's field lengths.
"""

import re
import struct
from collections.abc import Sequence

import msgspec

from schemas.values.command_status import ESME_RINVCMDLEN
from schemas.values.foreign_text import MOST_ID, clean

GENERIC_NACK = 0x80000000
BIND_RECEIVER = 0x00000001
BIND_TRANSMITTER = 0x00000002
SUBMIT_SM = 0x00000004
DELIVER_SM = 0x00000005
UNBIND = 0x00000006
OUTBIND = 0x0000000B
BIND_TRANSCEIVER = 0x00000009
ENQUIRE_LINK = 0x00000015
ALERT_NOTIFICATION = 0x00000102
DATA_SM = 0x00000103
ANSWER = 0x80000000  # added to a request's command id by its answer
SUBMIT_SM_RESP = SUBMIT_SM | ANSWER
DELIVER_SM_RESP = DELIVER_SM | ANSWER
UNBIND_RESP = UNBIND | ANSWER
BIND_TRANSCEIVER_RESP = BIND_TRANSCEIVER | ANSWER
ENQUIRE_LINK_RESP = ENQUIRE_LINK | ANSWER
BIND_ANSWERS = frozenset(bind | ANSWER for bind in (BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER))
UNANSWERED = frozenset({OUTBIND, ALERT_NOTIFICATION})  # requests that by the standard have no answer

TLV_RECEIPTED_MESSAGE_ID = 0x001E
TLV_SAR_MSG_REF_NUM = 0x020C
TLV_SAR_TOTAL_SEGMENTS = 0x020E
TLV_SAR_SEGMENT_SEQNUM = 0x020F
TLV_NETWORK_ERROR_CODE = 0x0423
TLV_MESSAGE_PAYLOAD = 0x0424
TLV_MESSAGE_STATE = 0x0427

HEADER_LENGTH = 16
MAX_PDU_LENGTH = 70_000  # header, the longest body, one full message_payload
MAX_SHORT_MESSAGE = 254
MAX_ADDRESS = 20
MAX_SEQUENCE = 0x7FFFFFFF
INTERFACE_VERSION = 0x34

_HEADER = struct.Struct(">IIII")
pack_header = _HEADER.pack  # length, command, status, sequence
_DELIVER_ANSWER = struct.Struct(">IIIIB")
_TLV_HEADER = struct.Struct(">HH")

Frame = tuple[int, int, int, int, int]  # command id, command status, sequence, start and end of the body


class PduError(Exception):
    """A PDU that breaks the standard. `status`: what to answer, `sequence` of the PDU (0 = unknown)."""

    def __init__(self, reason: str, status: int = ESME_RINVCMDLEN, sequence: int = 0) -> None:
        super().__init__(reason)
        self.status = status
        self.sequence = sequence


def split(buffer: bytes) -> tuple[list[Frame], int]:
    """All whole PDUs in a buffer and the position after the last. A length outside 16..70,000 ends the list; standing
    first it raises PduError."""
    frames: list[Frame] = []
    position, size = 0, len(buffer)
    unpack = _HEADER.unpack_from
    while size - position >= HEADER_LENGTH:
        length, command, status, sequence = unpack(buffer, position)
        if length < HEADER_LENGTH or length > MAX_PDU_LENGTH:
            if frames:
                break
            raise PduError(f"a PDU of {length} bytes")
        if length > size - position:
            break
        end = position + length
        frames.append((command, status, sequence, position + HEADER_LENGTH, end))
        position = end
    return frames, position


def encode(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    """Any PDU whose body is at hand."""
    return _HEADER.pack(HEADER_LENGTH + len(body), command, status, sequence) + body


def encode_deliver_answer(sequence: int, status: int = 0, command: int = DELIVER_SM) -> bytes:
    """deliver_sm_resp, or data_sm_resp to a data_sm: its message id is unused and always empty."""
    return _DELIVER_ANSWER.pack(HEADER_LENGTH + 1, command | ANSWER, status, sequence, 0)


def encode_deliver_answers(sequences: Sequence[int]) -> bytes:
    """deliver_sm_resp with status 0 for each of these, one behind the other."""
    answers = bytearray(encode_deliver_answer(0) * len(sequences))
    numbers = struct.pack(f">{len(sequences)}I", *sequences)
    for octet in range(4):  # of all sequences at once: the first octet of each, the second of each, ...
        answers[12 + octet :: HEADER_LENGTH + 1] = numbers[octet::4]
    return bytes(answers)


def encode_answer_id(command: int, sequence: int, message_id: str) -> bytes:
    """submit_sm_resp and bind_..._resp with status 0: the body is one C-octet string."""
    body = message_id.encode("ascii") + b"\0"
    return _HEADER.pack(HEADER_LENGTH + len(body), command, 0, sequence) + body


def decode_answer_id(buffer: bytes, start: int, end: int) -> str:
    """The message id (or system id) of an answer, '' when there is none, as our stores can hold it: what is longer than 128
    characters is cut, as it is in receipts. TLVs behind it are passed over."""
    # Compiled, a slice whose end comes before its start is an error, not empty.
    usual = buffer[start : max(start, end - 1)]
    if usual.isalnum() and end - start <= 65 and buffer[end - 1] == 0:
        return usual.decode("ascii")
    stop = buffer.find(b"\0", start, end)
    if stop < 0:
        stop = end
    return clean(buffer[start:stop].decode("latin-1"), MOST_ID)


class Bind(msgspec.Struct, frozen=True, kw_only=True):
    """Body of bind_transceiver, bind_transmitter, bind_receiver, as far as anyone looks at it."""

    system_id: str
    password: str
    system_type: str = ""
    interface_version: int = INTERFACE_VERSION


# Carriers hand out longer names and passwords than the standard's 15 and 8 octets.
_BIND = re.compile(rb"(?s)([^\0]{0,64})\0([^\0]{0,64})\0([^\0]{0,12})\0(.)..[^\0]{0,40}\0")
_SM = re.compile(rb"(?s)[^\0]{0,5}\0(..)([^\0]{0,20})\0(..)([^\0]{0,20})\0(...)[^\0]{0,16}\0([^\0]{0,16})\0(.....)")


def encode_bind(bind: Bind, sequence: int, command: int = BIND_TRANSCEIVER) -> bytes:
    """Raises PduError when a field is longer than the standard allows or holds a NUL."""
    body = b"\0".join(
        (
            _c_octets(bind.system_id, 64),
            _c_octets(bind.password, 64),
            _c_octets(bind.system_type, 12),
            bytes((bind.interface_version, 0, 0)) + b"\0",
        )
    )
    return encode(command, sequence, body)


def decode_bind(buffer: bytes, start: int, end: int) -> Bind:
    """Raises PduError when the body is not that of a bind."""
    found = _BIND.match(buffer, start, end)
    if found is None:
        raise PduError("the body of a bind cannot be read")
    system_id, password, system_type, version = found.groups()
    return Bind(
        system_id=system_id.decode("latin-1"),
        password=password.decode("latin-1"),
        system_type=system_type.decode("latin-1"),
        interface_version=version[0],
    )


class ShortMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Body of submit_sm or deliver_sm. `text`: the user data as it stands there, header included. `tlvs`: their raw
    bytes."""

    source: str
    destination: str
    source_ton: int
    source_npi: int
    destination_ton: int
    destination_npi: int
    esm_class: int
    validity: str
    registered_delivery: int
    data_coding: int
    text: bytes
    tlvs: bytes


def encode_addresses_head(source: str, ton: int, npi: int, destination_ton: int, destination_npi: int) -> bytes:
    """The start of a short message's body up to the destination address. Raises PduError for a source over 20
    octets."""
    return b"\0" + bytes((ton, npi)) + _c_octets(source, 20) + b"\0" + bytes((destination_ton, destination_npi))


def encode_options(esm_class: int, validity: str, registered_delivery: int, data_coding: int) -> bytes:
    """The part of a short message's body between the destination address and the length of the text."""
    before = bytes((esm_class, 0, 0)) + b"\0"  # protocol_id, priority_flag, an empty schedule_delivery_time
    return b"\0" + before + _c_octets(validity, 16) + b"\0" + bytes((registered_delivery, 0, data_coding, 0))


def encode_short_message(
    command: int, sequence: int, head: bytes, destination: bytes, options: bytes, text: bytes, tlvs: bytes = b""
) -> bytes:
    """A submit_sm or deliver_sm from ready pieces. Raises PduError for a text over 254 octets or a destination over
    20."""
    size, length = len(text), len(destination)
    if size > MAX_SHORT_MESSAGE or length > MAX_ADDRESS:
        raise PduError(f"a text of {size} octets to an address of {length}")
    whole = HEADER_LENGTH + len(head) + length + len(options) + 1 + size + len(tlvs)
    return b"%b%b%b%b%c%b%b" % (
        _HEADER.pack(whole, command, 0, sequence), head, destination, options, size, text, tlvs
    )  # fmt: skip


def decode_short_message(buffer: bytes, start: int, end: int) -> ShortMessage:
    """Raises PduError when a field is longer than allowed or the text longer than the PDU."""
    found = _SM.match(buffer, start, end)
    if found is None:
        raise PduError("the body of a short message cannot be read")
    from_type, source, to_type, destination, classes, validity, options = found.groups()
    text_start = found.end()
    text_end = text_start + options[4]
    if text_end > end:
        raise PduError("a text longer than its PDU")
    return ShortMessage(
        source=source.decode("latin-1"),
        destination=destination.decode("latin-1"),
        source_ton=from_type[0],
        source_npi=from_type[1],
        destination_ton=to_type[0],
        destination_npi=to_type[1],
        esm_class=classes[0],
        validity=validity.decode("latin-1"),
        registered_delivery=options[0],
        data_coding=options[2],
        text=buffer[text_start:text_end],
        tlvs=buffer[text_end:end],
    )


def encode_tlv(tag: int, value: bytes) -> bytes:
    """One optional parameter."""
    return _TLV_HEADER.pack(tag, len(value)) + value


def decode_tlvs(raw: bytes) -> dict[int, bytes]:
    """Optional parameters by tag, the last of a tag wins. Raises PduError for one longer than what is left."""
    found: dict[int, bytes] = {}
    position, size = 0, len(raw)
    while position < size:
        if size - position < 4:
            raise PduError("an optional parameter without a length")
        tag, length = _TLV_HEADER.unpack_from(raw, position)
        position += 4
        if length > size - position:
            raise PduError("an optional parameter longer than its PDU")
        found[tag] = raw[position : position + length]
        position += length
    return found


def _c_octets(text: str, most: int) -> bytes:
    """Octets of a C-octet string, its NUL not included."""
    octets = text.encode("latin-1", "replace")
    if len(octets) > most or b"\0" in octets:
        raise PduError(f"a field of {len(octets)} octets where at most {most} fit")
    return octets
