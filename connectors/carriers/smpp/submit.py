"""A message's part as a submit_sm.

In: `Submit` and the number of a part. Out: the PDU. Addresses: destination TON 1 NPI 1; sender 5/0 alphanumeric, 1/1
with a leading '+', 3/0 for digits alone. data_coding 0 carries gsm7 septets one an octet, as GSM 03.38 numbers them,
and 8 UTF-16BE. Each of several parts starts with the concatenation header 05 00 03. Raises PduError when a part does
not fit: more than 254 octets, more than 255 parts, an address of more than 20.
"""

from collections.abc import Sequence
from functools import lru_cache

from connectors.carriers.contract import Alphabet, Submit
from connectors.carriers.smpp import pdu

ESM_UDH = 0x40
DATA_CODING_DEFAULT = 0
DATA_CODING_UCS2 = 8

_DAY = 86_400
_LONGEST_VALIDITY = 99 * 360 * _DAY  # two digits of years, counted as 12 months of 30 days

_LENGTHS = tuple(bytes((size,)) for size in range(pdu.MAX_SHORT_MESSAGE + 1))


def encode_submit(submit: Submit, part: int, sequence: int) -> bytes:
    """submit_sm of one part, asking for a receipt whatever the outcome."""
    parts = submit.parts
    text = parts[part]
    total = len(parts)
    if total > 1:
        if total > 255:
            raise pdu.PduError(f"a message of {total} parts")
        text = bytes((5, 0, 3, submit.concat_ref & 0xFF, total, part + 1)) + text
    head, options = _around(submit.source, submit.alphabet, total > 1, submit.validity_seconds)
    return pdu.encode_short_message(
        pdu.SUBMIT_SM, sequence, head, submit.destination.encode("ascii", "replace"), options, text
    )


def encode_submits(submits: Sequence[Submit], first: int) -> list[bytes | None]:
    """The part that goes first of each, numbered from `first`; None for one that does not fit. Messages that go together
    are of one campaign: what stands around destination and text is looked up when it changes."""
    out: list[bytes | None] = []
    pack, join, lengths, constant = pdu.pack_header, b"".join, _LENGTHS, pdu.HEADER_LENGTH
    source, alphabet, validity, head, options = None, None, None, b"", b""
    for sequence, submit in enumerate(submits, first):
        parts = submit.parts
        text, destination = parts[0], submit.destination.encode("ascii", "replace")
        size, length = len(text), len(destination)
        if len(parts) > 1 or size > pdu.MAX_SHORT_MESSAGE or length > pdu.MAX_ADDRESS:
            out.append(_fitting(submit, sequence))
            continue
        if submit.validity_seconds != validity or submit.source != source or submit.alphabet != alphabet:
            try:
                head, options = _around(submit.source, submit.alphabet, False, submit.validity_seconds)
            except pdu.PduError:
                out.append(None)
                continue
            source, alphabet, validity = submit.source, submit.alphabet, submit.validity_seconds
            constant = pdu.HEADER_LENGTH + len(head) + len(options) + 1
        header = pack(constant + length + size, pdu.SUBMIT_SM, 0, sequence)
        out.append(join((header, head, destination, options, lengths[size], text)))
    return out


def _fitting(submit: Submit, sequence: int) -> bytes | None:
    try:
        return encode_submit(submit, submit.first_part, sequence)
    except pdu.PduError:
        return None


def sender_type(source: str) -> tuple[str, int, int]:
    """The sender as it goes on the wire, its type of number and its numbering plan."""
    if source.startswith("+") and source[1:].isdigit():
        return source[1:], 1, 1
    if source.isdigit():
        return source, 3, 0
    return source, 5, 0


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
def _around(source: str, alphabet: Alphabet, concatenated: bool, validity_seconds: int) -> tuple[bytes, bytes]:
    """What stands before the destination and behind it: the same for a whole campaign."""
    address, ton, npi = sender_type(source)
    coding = DATA_CODING_UCS2 if alphabet == "ucs2" else DATA_CODING_DEFAULT
    options = pdu.encode_options(ESM_UDH if concatenated else 0, relative_validity(validity_seconds), 1, coding)
    return pdu.encode_addresses_head(address, ton, npi, 1, 1), options
