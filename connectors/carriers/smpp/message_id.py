"""Carriers write the id of one message in two ways: in the answer to the submit and in the receipt.

In: an id as it came and the carrier's `msg_id_type`, written "form in the answer - form in the receipt". Out: the form to
remember (`stored`) and the remembered forms to look for (`candidates`). An id that is not a number in the declared form is
taken as it is. With `auto` it is also looked for in other case and without hyphens, and an answer's id may be found by an id
that means another number in another base, which is why the caller must also compare the destination.
"""

import string
from typing import Literal

MessageIdType = Literal["auto", "same", "hex-dec", "dec-hex"]

_HEX = frozenset(string.hexdigits)
_DEC = frozenset(string.digits)
_UUID_DIGITS = 32


def stored(answer_id: str, msg_id_type: MessageIdType) -> str:
    """The form of a submit answer's id under which its message is remembered."""
    match msg_id_type:
        case "same":
            return answer_id
        case "hex-dec":
            return _decimal_of_hex(answer_id)
        case "dec-hex":
            return _plain(answer_id)
        case "auto":
            return _plain(answer_id)


def candidates(receipt_id: str, msg_id_type: MessageIdType) -> tuple[str, ...]:
    """The remembered forms that a receipt's id may stand for, the likeliest first, none twice."""
    match msg_id_type:
        case "same":
            return (receipt_id,)
        case "hex-dec":
            return (_plain(receipt_id),)
        case "dec-hex":
            return (_decimal_of_hex(receipt_id),)
        case "auto":
            forms = (_plain(receipt_id), _hex_of_decimal(receipt_id), _decimal_of_hex(receipt_id), *_respelled(receipt_id))
            return tuple(dict.fromkeys(forms))


def _plain(text: str) -> str:
    """Lower case without leading zeros when it is a number in some base; else unchanged: other ids may differ by
    case."""
    if text.isdigit() and text.isascii() and text[0] != "0":  # most ids; the rest of this takes three times as long
        return text
    if not text or not _HEX.issuperset(text):
        return text
    return text.lower().lstrip("0") or "0"


def _decimal_of_hex(text: str) -> str:
    return str(int(text, 16)) if text and _HEX.issuperset(text) else text


def _hex_of_decimal(text: str) -> str:
    return format(int(text), "x") if text and _DEC.issuperset(text) else _plain(text)


def _respelled(text: str) -> tuple[str, ...]:
    """An id that is no number in other case, or without its hyphens; a UUID without hyphens with them."""
    if not _HEX.issuperset(text):
        bare = text.replace("-", "")
        without = (_plain(bare),) if bare and _HEX.issuperset(bare) else ()
        return (text.lower(), text.upper(), *without)
    if len(text) == _UUID_DIGITS:
        uuid = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
        return (uuid.lower(), uuid.upper())
    return ()
