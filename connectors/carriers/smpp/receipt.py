"""A delivery receipt, however a carrier spells it.

In: the body of a deliver_sm. Out: `Receipt`, or None when it is no receipt (an inbound message); a deliver_sm that says
it is a receipt and names no message raises `UnreadableReceipt`. Optional parameters win over the text; the text is
read first in the form of SMPP 3.4 appendix B, then field by field: any order and case, fields missing, quotes, spaces
around colons, names with space or underscore. Times carry no zone and are read as UTC. Whether it is a receipt is
told by esm_class or by the optional parameter alone, never by the text: anybody can write "id:1 stat:DELIVRD" into a
message.
"""

import re
from calendar import timegm
from functools import lru_cache

from connectors.carriers.contract import Receipt
from connectors.carriers.smpp import pdu

_ESM_RECEIPT = 0x04 | 0x08 | 0x20  # SMSC receipt, SME acknowledgement, intermediate notification
_ESM_UDH = 0x40

MESSAGE_STATES = {
    0: "SCHEDULED",
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
    9: "SKIPPED",
}
_SPELLINGS = {
    "DELIVERED": "DELIVRD",
    "DELIVERD": "DELIVRD",
    "UNDELIVERABLE": "UNDELIV",
    "UNDELIVERED": "UNDELIV",
    "UNDELIVRD": "UNDELIV",
    "ACCEPTED": "ACCEPTD",
    "REJECTED": "REJECTD",
    "EXPIRD": "EXPIRED",
    "EN_ROUTE": "ENROUTE",
    "UNKNOWN_STATE": "UNKNOWN",
}

# A whole deliver_sm whose text has the form of appendix B: most receipts are read by this alone, at half the cost.
_STANDARD = re.compile(
    rb"(?s)[^\0]{0,5}\0..(?P<source>[^\0]{0,20})\0..[^\0]{0,20}\0(?P<classes>.)..[^\0]{0,16}\0[^\0]{0,16}\0...."
    rb"(?P<size>.)(?P<text>id:(?P<id>[^\s\"':]{1,64}) sub:\d{1,3} dlvrd:\d{1,3} submit date:\d{10,14}"
    rb" done date:(?P<done>\d{10,14}) stat:(?P<state>[A-Za-z]{1,20}) err:(?P<code>[0-9A-Za-z]{1,10})(?= |$))"
)
_FIELD = re.compile(
    r"(?<![\w-])(id|sub|dlvrd|submit[ _]*date|done[ _]*date|stat(?:us)?|err(?:or)?)\s*:"
    r"\s*(\"[^\"]*\"|'[^']*'|[^\s,;\"']*)",
    re.IGNORECASE,
)
_TEXT_FIELD = re.compile(r"(?<![\w-])text\s*:", re.IGNORECASE)


class UnreadableReceipt(Exception):
    """A deliver_sm that calls itself a receipt and names no message or no state."""


def standard_form(buffer: bytes, start: int, end: int) -> re.Match[bytes] | None:
    """The body as a receipt whose text has the standard's form and is all there is to read; `receipt_of` reads it."""
    found = _STANDARD.match(buffer, start, end)
    # Trap: something behind the text may be optional parameters, and those win over it.
    if found is None or not found["classes"][0] & _ESM_RECEIPT or found.start("text") + found["size"][0] != end:
        return None
    return found


def receipt_of(standard: re.Match[bytes]) -> Receipt:
    """What a `standard_form` says."""
    source, message_id, done, state, code = standard.group("source", "id", "done", "state", "code")
    return Receipt(
        carrier_message_id=message_id.decode("latin-1"),
        state=_state(state),
        code=code.decode("ascii"),
        destination=_digits(source.decode("latin-1")),
        done_at=_time(done),
    )


def read_tolerantly(buffer: bytes, start: int, end: int) -> Receipt | None:
    """The receipt in the body of a deliver_sm whatever its form, None for an inbound message. Raises UnreadableReceipt, and
    PduError when the body breaks the standard."""
    message = pdu.decode_short_message(buffer, start, end)
    tlvs = pdu.decode_tlvs(message.tlvs)
    tlv_id = _c_string(tlvs.get(pdu.TLV_RECEIPTED_MESSAGE_ID, b""))
    if not message.esm_class & _ESM_RECEIPT and not tlv_id:
        return None
    fields = _fields(_text(message, tlvs))
    message_id = tlv_id or fields.get("id", "")
    state = _tlv_state(tlvs.get(pdu.TLV_MESSAGE_STATE, b"")) or _state(_octets(fields.get("stat", "")))
    if not message_id or len(message_id) > 64 or not state:
        raise UnreadableReceipt("a receipt without a message id or a state")
    return Receipt(
        carrier_message_id=message_id,
        state=state,
        code=fields.get("err") or _tlv_code(tlvs.get(pdu.TLV_NETWORK_ERROR_CODE, b"")),
        destination=_digits(message.source),
        done_at=_time(_octets(fields.get("donedate", ""))),
    )


def _text(message: pdu.ShortMessage, tlvs: dict[int, bytes]) -> str:
    raw = message.text or tlvs.get(pdu.TLV_MESSAGE_PAYLOAD, b"")
    if message.esm_class & _ESM_UDH and raw:
        raw = raw[1 + raw[0] :]
    if message.data_coding == 8:
        return raw.decode("utf-16-be", "replace")
    return raw.decode("latin-1")


def _fields(text: str) -> dict[str, str]:
    """Field values by name in lower case without separators; the first of a name wins, nothing behind `text:`
    counts."""
    cut = _TEXT_FIELD.search(text)
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(text[: cut.start()] if cut else text):
        key = name.lower().replace(" ", "").replace("_", "")
        key = {"status": "stat", "error": "err"}.get(key, key)
        fields.setdefault(key, value.strip("\"'").strip())
    return fields


@lru_cache(maxsize=64)
def _state(raw: bytes) -> str:
    state = str(raw, "latin-1").upper()
    return _SPELLINGS.get(state, state)


def _tlv_state(value: bytes) -> str:
    return MESSAGE_STATES.get(value[0], "UNKNOWN") if value else ""


def _tlv_code(value: bytes) -> str:
    """Network type octet and a 16-bit error."""
    return f"{int.from_bytes(value[1:3], 'big'):03}" if len(value) == 3 else ""


def _c_string(value: bytes) -> str:
    return str(value.partition(b"\0")[0], "latin-1").strip()


def _octets(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def _digits(address: str) -> str:
    if address.isdecimal():
        return address
    return "".join(character for character in address if character in "0123456789")


@lru_cache(maxsize=1024)
def _time(raw: bytes) -> float | None:
    """YYMMDDhhmm[ss] or YYYYMMDDhhmm[ss] as seconds since the epoch, None when it is neither."""
    text = str(raw, "latin-1")
    if not text.isdecimal() or len(text) not in (10, 12, 14):
        return None
    # Trap: twelve digits are YYMMDDhhmmss or YYYYMMDDhhmm; the second starts with 20 and is no date read as the first.
    long_year = len(text) == 14 or (len(text) == 12 and text[:2] == "20" and not _is_date(text))
    year, rest = (int(text[:4]), text[4:]) if long_year else (2000 + int(text[:2]), text[2:])
    month, day, hour, minute, second = (int(rest[at : at + 2] or 0) for at in range(0, 10, 2))
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
        return None
    return float(timegm((year, month, day, hour, minute, second)))


def _is_date(text: str) -> bool:
    """Whether twelve digits read as YYMMDDhhmmss."""
    return 1 <= int(text[2:4]) <= 12 and 1 <= int(text[4:6]) <= 31 and int(text[6:8]) < 24 and int(text[8:10]) < 60
