"""A delivery receipt, however a carrier spells it.

In: the body of a deliver_sm or data_sm. Out: `Receipt`, or None when it is no receipt (an inbound message); one that says
it is a receipt and of which nothing can be made raises `UnreadableReceipt`. The text is read first in the form of SMPP 3.4
appendix B; whatever has another form is read tolerantly: `receipt_body.py`, `receipt_text.py`. Of ids in text and optional
parameter both are told; of states the one that says more counts, the parameter's where they say as much. Times carry no
zone and are read as UTC. Whether it is a receipt is told by esm_class or by optional parameters alone, never by the
text: anybody can write "id:1 stat:DELIVRD" into a message.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from connectors.carriers.contract import Receipt
from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.receipt_body import Body, Reading, read_data, read_deliver, readings
from connectors.carriers.smpp.receipt_text import Fields, decode_text, read_fields
from connectors.carriers.smpp.receipt_time import carrier_time
from schemas.values.foreign_text import CODE_LENGTH, MOST_ID, clean
from schemas.values.receipt_states import MESSAGE_STATES, bare, state_of, weight

_ESM_RECEIPT = 0x04 | 0x08 | 0x20  # SMSC receipt, SME acknowledgement, intermediate notification
_MOST_DIGITS = 20
_SHORTEST_NUMBER = 7

_APPENDIX_B = (
    rb"id:(?P<id>[A-Za-z0-9._-]{1,64}) sub:\d{1,3} dlvrd:\d{1,3} submit date:\d{10,14}"
    rb" done date:(?P<done>\d{10,14}) stat:(?P<state>[A-Za-z]{1,20}) err:(?P<code>[0-9A-Za-z]{1,10})(?= |$)"
)
_STANDARD_TEXT = re.compile(_APPENDIX_B)
# A whole deliver_sm whose text has that form: most receipts are read by this alone, at half the cost.
_STANDARD = re.compile(
    rb"(?s)[^\0]{0,5}\0..(?P<source>[^\0]{0,20})\0..(?P<other>[^\0]{0,20})\0(?P<classes>.)..[^\0]{0,16}\0[^\0]{0,16}\0...."
    rb"(?P<size>.)(?P<text>" + _APPENDIX_B + rb")"
)

OwnStates = Mapping[str, str]
"""A carrier's own words, or numbers of message_state as text, as `bare` writes them, with the state each stands for."""


class UnreadableReceipt(Exception):
    """A message that calls itself a receipt and names no message, or no state that a table lists; the text says why."""


def standard_form(buffer: bytes, start: int, end: int) -> re.Match[bytes] | None:
    """The body as a receipt whose text has the standard's form and is all there is to read; `receipt_of` reads it."""
    found = _STANDARD.match(buffer, start, end)
    # Trap: something behind the text may be optional parameters, and those may say more.
    if found is None or not found["classes"][0] & _ESM_RECEIPT or found.start("text") + found["size"][0] != end:
        return None
    return found


def receipt_of(standard: re.Match[bytes], own_states: OwnStates) -> Receipt | None:
    """What a `standard_form` says; None when its state is in no table."""
    source, other, message_id, done, written, code = standard.group("source", "other", "id", "done", "state", "code")
    state = _state(written.decode("ascii"), own_states)
    if state is None:
        return None
    destination, other_address = _addresses(source.decode("latin-1"), other.decode("latin-1"))
    done_at = carrier_time(done)
    return Receipt(
        carrier_message_id=message_id.decode("ascii"),
        state=state,
        code=code.decode("ascii"),
        destination=destination,
        done_at=done_at,
        done_text=done.decode("ascii") if done_at is None else "",
        other_address=other_address,
    )


def read_tolerantly(buffer: bytes, start: int, end: int, own_states: OwnStates, *, data: bool = False) -> Receipt | None:
    """The receipt in the body of a deliver_sm (`data`: a data_sm) whatever its form, None for an inbound message. Raises
    UnreadableReceipt."""
    body = (read_data if data else read_deliver)(buffer, start, end)
    if body is None:
        raise UnreadableReceipt("its body cannot be read")
    said = bool(body.esm_class & _ESM_RECEIPT)
    receipts: list[Receipt] = []
    faults: list[UnreadableReceipt] = []
    for reading in readings(body):
        if not said and not (reading.as_declared and (_tlv_id(reading) or pdu.TLV_MESSAGE_STATE in reading.tlvs)):
            continue
        said = True
        try:
            receipts.append(_receipt(body, reading, own_states))
        except UnreadableReceipt as fault:
            faults.append(fault)
        else:
            if reading.clear:
                break
    if not said:
        return None
    if not receipts:
        raise faults[0]
    return _with_other_id(receipts)


def _receipt(body: Body, reading: Reading, own_states: OwnStates) -> Receipt:
    fields = _fields(body, reading)
    first, second = _tlv_id(reading), clean(fields.id, MOST_ID)
    if second and not first.strip("0"):  # a parameter that is there and not filled
        first, second = second, first
    first, second = first or second, "" if first == second or not first else second
    if not first:
        raise UnreadableReceipt("it names no message")
    number = reading.tlvs.get(pdu.TLV_MESSAGE_STATE, b"")
    states = _tlv_state(number, own_states), _state(fields.state, own_states)
    listed = [state for state in states if state is not None]
    if not listed:
        written = fields.state or number.hex()
        raise UnreadableReceipt(f"the state {bare(written)!r} is in no table" if written else "it names no state")
    destination, other_address = _addresses(body.source, body.destination)
    done_at = carrier_time(fields.done.encode("latin-1", "replace"))
    return Receipt(
        carrier_message_id=first,
        state=max(listed, key=weight),
        code=clean(fields.code, CODE_LENGTH) or _tlv_code(reading.tlvs.get(pdu.TLV_NETWORK_ERROR_CODE, b"")),
        destination=destination,
        done_at=done_at,
        done_text=clean(fields.done_text or fields.done, CODE_LENGTH) if done_at is None else "",
        other_id=second,
        other_address=other_address,
    )


def _with_other_id(receipts: list[Receipt]) -> Receipt:
    """The likeliest, with what another reading takes for the id if it has none other itself."""
    first = receipts[0]
    other = next((one.carrier_message_id for one in receipts if one.carrier_message_id != first.carrier_message_id), "")
    return first if first.other_id or not other else msgspec.structs.replace(first, other_id=other)


def _fields(body: Body, reading: Reading) -> Fields:
    standard = _STANDARD_TEXT.match(reading.text)
    if standard is not None:  # most texts; the tolerant reading of one takes twenty times as long
        return Fields(*[field.decode("ascii") for field in standard.group("id", "state", "code", "done")])
    fields = read_fields(decode_text(reading.text, body.data_coding)) if reading.text else Fields()
    payload = reading.tlvs.get(pdu.TLV_MESSAGE_PAYLOAD, b"")
    if payload and not (fields.id and fields.state):
        fields = fields.filled(read_fields(decode_text(payload, body.data_coding)))
    return fields


def _state(written: str, own_states: OwnStates) -> str | None:
    if not written:
        return None
    if own_states:
        return own_states.get(bare(written)) or state_of(written)
    return state_of(written)


def _tlv_state(value: bytes, own_states: OwnStates) -> str | None:
    """One octet by the standard; some carriers write it with octets of nothing around, or as text."""
    filled = value.strip(b"\0")
    if len(filled) > 1:
        return _state(filled.decode("latin-1"), own_states)
    if not value:
        return None
    number = filled[0] if filled else 0
    return own_states.get(str(number)) or MESSAGE_STATES.get(number)


def _tlv_code(value: bytes) -> str:
    """Network type octet and a 16-bit error."""
    return f"{int.from_bytes(value[1:3], 'big'):03}" if len(value) == 3 else ""


def _tlv_id(reading: Reading) -> str:
    value = reading.tlvs.get(pdu.TLV_RECEIPTED_MESSAGE_ID, b"").lstrip(b"\0")
    return clean(str(value.partition(b"\0")[0], "latin-1"), MOST_ID)


def _addresses(source: str, destination: str) -> tuple[str, str]:
    """The handset of a receipt, and the other address: carriers swap the two in a receipt, some do not. '' for what is no
    number."""
    handset, other = _digits(source), _digits(destination)
    if len(handset) < _SHORTEST_NUMBER <= len(other):
        return other, handset
    return handset, other


@lru_cache(maxsize=1024)
def _digits(address: str) -> str:
    if address.isdecimal() and address.isascii():
        return address[:_MOST_DIGITS]
    return "".join(character for character in address if character in "0123456789")[:_MOST_DIGITS]
