"""A message's part as a submit_sm.

In: `Submit` and the number of a part. Out: the PDU. Addresses: destination TON 1 NPI 1; sender 5/0 alphanumeric, 1/1
with a leading '+', 3/0 for digits alone. data_coding 0 carries gsm7 septets one an octet, as GSM 03.38 numbers them,
and 8 UTF-16BE. Each of several parts starts with the concatenation header 05 00 03. Raises PduError when a part does
not fit: more than 254 octets, more than 255 parts, an address of more than 20.
"""

from functools import lru_cache

from connectors.carriers.contract import Alphabet, Submit
from connectors.carriers.smpp import pdu

ESM_UDH = 0x40
DATA_CODING_DEFAULT = 0
DATA_CODING_UCS2 = 8

_DAY = 86_400
_LONGEST_VALIDITY = 99 * 360 * _DAY  # two digits of years, counted as 12 months of 30 days


def encode_submit(submit: Submit, part: int, sequence: int) -> bytes:
    """submit_sm of one part, asking for a receipt whatever the outcome."""
    parts = submit.parts
    text = parts[part]
    total = len(parts)
    if total > 1:
        if total > 255:
            raise pdu.PduError(f"a message of {total} parts")
        text = bytes((5, 0, 3, submit.concat_ref & 0xFF, total, part + 1)) + text
    return pdu.encode_short_message(
        pdu.SUBMIT_SM,
        sequence,
        _head(submit.source),
        submit.destination.encode("ascii", "replace"),
        _options(submit.alphabet, total > 1, submit.validity_seconds),
        text,
    )


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
def _head(source: str) -> bytes:
    address, ton, npi = sender_type(source)
    return pdu.encode_addresses_head(address, ton, npi, 1, 1)


@lru_cache(maxsize=4096)
def _options(alphabet: Alphabet, concatenated: bool, validity_seconds: int) -> bytes:
    coding = DATA_CODING_UCS2 if alphabet == "ucs2" else DATA_CODING_DEFAULT
    return pdu.encode_options(ESM_UDH if concatenated else 0, relative_validity(validity_seconds), 1, coding)
