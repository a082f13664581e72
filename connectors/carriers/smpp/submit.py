"""A message's segments as submit_sm.

In: `Submit` and the number of a segment, how the carrier wants long messages. Out: the PDU. Addresses: destination TON 1
NPI 1; sender 5/0 alphanumeric, 1/1 with a leading '+', 3/0 for digits alone. data_coding 0 carries gsm7 septets one an
octet, as GSM 03.38 numbers them, and 8 UTF-16BE. Several segments are told apart in one of three ways (SMPP 3.4, 5.2.12 and
5.3.2): `udh`, each starts with the concatenation header 05 00 03; `sar`, three sar_ parameters say the same; `payload`, one
submit_sm has the whole text in message_payload and the carrier cuts it. The reference follows from our message id, so that
a segment sent again later joins the others. Raises PduError when an address does not fit (more than 20 octets) or there is
no such segment, TextError when no message can carry the text.
"""

from collections.abc import Sequence
from functools import lru_cache

from connectors.carriers.contract import Accepted, Refused, Result, Submit, Unfit
from connectors.carriers.smpp import pdu
from infra.settings.carriers import LongMessages
from schemas.values.ids import concat_reference
from schemas.values.text import Alphabet, TextError, split

ESM_UDH = 0x40
DATA_CODING_DEFAULT = 0
DATA_CODING_UCS2 = 8

_DAY = 86_400
_LONGEST_VALIDITY = 99 * 360 * _DAY  # two digits of years, counted as 12 months of 30 days

_LENGTHS = tuple(bytes((size,)) for size in range(pdu.MAX_SHORT_MESSAGE + 1))

# Segments of one message are asked for one after the other, each with the whole text.
segments_of = lru_cache(maxsize=2048)(split)


def encode_submit(submit: Submit, part: int, sequence: int, long_messages: LongMessages = "udh") -> bytes:
    """submit_sm of one segment, asking for a receipt whatever the outcome; of the whole message as `payload`."""
    encoded = segments_of(submit.text)
    total = len(encoded.parts)
    if part >= total:
        raise pdu.PduError(f"segment {part} of {total}")
    text, tlvs = encoded.parts[part], b""
    with_header = total > 1 and long_messages == "udh"
    if with_header:
        text = bytes((5, 0, 3, concat_reference(submit.message_id), total, part + 1)) + text
    elif total > 1 and long_messages == "sar":
        tlvs = _sar(concat_reference(submit.message_id), total, part + 1)
    elif total > 1:
        text, tlvs = b"", pdu.encode_tlv(pdu.TLV_MESSAGE_PAYLOAD, b"".join(encoded.parts))
    head, options = _around(submit.sender, encoded.alphabet, with_header, submit.validity_seconds)
    return pdu.encode_short_message(
        pdu.SUBMIT_SM, sequence, head, submit.destination.encode("ascii", "replace"), options, text, tlvs
    )


def _sar(reference: int, total: int, number: int) -> bytes:
    return (
        pdu.encode_tlv(pdu.TLV_SAR_MSG_REF_NUM, reference.to_bytes(2))
        + pdu.encode_tlv(pdu.TLV_SAR_TOTAL_SEGMENTS, bytes((total,)))
        + pdu.encode_tlv(pdu.TLV_SAR_SEGMENT_SEQNUM, bytes((number,)))
    )


def has_more(submit: Submit | None, part: int, accepted: int) -> bool:
    """Whether this segment of the message is to follow in the same call; `accepted`: how many of it were taken in it."""
    return submit is not None and part < len(segments_of(submit.text).parts) and accepted != submit.part_count


def encode_submits(
    submits: Sequence[Submit], first: int, long_messages: LongMessages = "udh"
) -> tuple[list[bytes | None], set[int]]:
    """The segment that goes first of each, numbered from `first`, None for one that does not fit; and the numbers of
    those of whose message more follow. Messages that go together are of one campaign: what stands around destination and
    text is looked up when it changes, and a text that many share is encoded once."""
    out: list[bytes | None] = []
    several: set[int] = set()
    pack, join, lengths, constant = pdu.pack_header, b"".join, _LENGTHS, pdu.HEADER_LENGTH
    sender, alphabet, validity, head, options = None, None, None, b"", b""
    last: str | None = None
    parts: tuple[bytes, ...] = ()
    coding: Alphabet = "gsm7"
    for sequence, submit in enumerate(submits, first):
        text = submit.text
        if text is not last:
            last = text
            try:
                encoded = split(text) if submit.parts == 1 else segments_of(text)
                parts, coding = encoded.parts, encoded.alphabet
            except TextError:
                parts = ()
            octets = parts[0] if parts else b""
            size = len(octets)
        destination = submit.destination.encode("ascii", "replace")
        length = len(destination)
        if len(parts) != 1 or length > pdu.MAX_ADDRESS or submit.first_part:
            out.append(_fitting(submit, sequence, long_messages) if parts else None)
            if len(parts) > 1 and long_messages != "payload":
                several.add(sequence)
            continue
        if submit.validity_seconds != validity or submit.sender != sender or coding != alphabet:
            try:
                head, options = _around(submit.sender, coding, False, submit.validity_seconds)
            except pdu.PduError:
                out.append(None)
                continue
            sender, alphabet, validity = submit.sender, coding, submit.validity_seconds
            constant = pdu.HEADER_LENGTH + len(head) + len(options) + 1
        header = pack(constant + length + size, pdu.SUBMIT_SM, 0, sequence)
        out.append(join((header, head, destination, options, lengths[size], octets)))
    return out, several


def _fitting(submit: Submit, sequence: int, long_messages: LongMessages) -> bytes | None:
    try:
        return encode_submit(submit, submit.first_part, sequence, long_messages)
    except pdu.PduError:
        return None


def unsendable(submit: Submit, part: int, ids: tuple[str, ...]) -> Result:
    """Why this segment makes no PDU."""
    try:
        left = len(segments_of(submit.text).parts) - part
    except TextError as fault:
        return Unfit(ref=submit.ref, reason="too_long" if fault.code == "too_long" else "bad_text")
    if left <= 0:
        return Accepted(ref=submit.ref, ids=ids)
    return Refused(ref=submit.ref, code="ESME_RINVMSGLEN", klass="permanent", sent_parts=part, ids=ids)


def sender_type(sender: str) -> tuple[str, int, int]:
    """The sender as it goes on the wire, its type of number and its numbering plan."""
    if sender.startswith("+") and sender[1:].isdigit():
        return sender[1:], 1, 1
    if sender.isdigit():
        return sender, 3, 0
    return sender, 5, 0


def relative_validity(seconds: int) -> str:
    """Seconds as the standard's relative time YYMMDDhhmmss000R, a month counted as 30 days, '' for 0 (the carrier's
    default). Never longer than asked."""
    if seconds <= 0:
        return ""
    days, rest = divmod(min(seconds, _LONGEST_VALIDITY), _DAY)
    months, days = divmod(days, 30)
    years, months = divmod(months, 12)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{years:02}{months:02}{days:02}{hours:02}{minutes:02}{rest:02}000R"


@lru_cache(maxsize=4096)
def _around(sender: str, alphabet: Alphabet, concatenated: bool, validity_seconds: int) -> tuple[bytes, bytes]:
    """What stands before the destination and behind it: the same for a whole campaign."""
    address, ton, npi = sender_type(sender)
    coding = DATA_CODING_UCS2 if alphabet == "ucs2" else DATA_CODING_DEFAULT
    options = pdu.encode_options(ESM_UDH if concatenated else 0, relative_validity(validity_seconds), 1, coding)
    return pdu.encode_addresses_head(address, ton, npi, 1, 1), options
