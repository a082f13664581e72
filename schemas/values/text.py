"""Message text as carriers count and carry it: alphabets, septets, segments.

Enters: the rendered text, exactly as it will be read; it is never trimmed or normalised. Leaves: its alphabet (`gsm7`
if every character is in GSM 03.38's basic or extension table, else `ucs2`), the number of segments, and the user data
of each segment without its header: one septet per octet, or UTF-16 big-endian.

    alphabet   one segment    each of several
    gsm7       160 septets    153 septets       ^ { } [ ] ~ \\ | € and form feed take two: escape and character
    ucs2        70 units       67 units         beyond U+FFFF takes two: a surrogate pair

A pair is never torn apart, so a segment may end one short and a text need one segment more than its length suggests.
Wrong: TextError, code `bad_text` (half a surrogate pair, which no alphabet can carry) or `too_long` (more than 255
segments, the most that a segment's header can count).
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

import msgspec

Alphabet = Literal["gsm7", "ucs2"]

MAX_SEGMENTS = 255
"""The concatenation header (3GPP TS 23.040, 9.2.3.24.1) holds the number of segments in one octet."""

SINGLE: Mapping[Alphabet, int] = MappingProxyType({"gsm7": 160, "ucs2": 140})
"""The most octets of user data in a message of one segment."""
PART: Mapping[Alphabet, int] = MappingProxyType({"gsm7": 153, "ucs2": 134})
"""The most octets of user data in each of several segments."""

ESCAPE = 0x1B
GSM7_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The character of each septet; 0x1B is the escape to the extension table, and no character."""
GSM7_EXTENSION: Mapping[str, int] = MappingProxyType(
    {
        "\f": 0x0A,
        "^": 0x14,
        "{": 0x28,
        "}": 0x29,
        "\\": 0x2F,
        "[": 0x3C,
        "~": 0x3D,
        "]": 0x3E,
        "|": 0x40,
        "€": 0x65,
    }
)
"""The septet that follows the escape."""

_SEPTETS: dict[int, str] = {ord(char): chr(septet) for septet, char in enumerate(GSM7_BASIC) if septet != ESCAPE} | {
    ord(char): chr(ESCAPE) + chr(septet) for char, septet in GSM7_EXTENSION.items()
}
_OUTSIDE_GSM7 = re.compile(f"[^{re.escape(''.join(map(chr, _SEPTETS)))}]")
_NOT_PLAIN = 0xFF
_PLAIN = bytes(
    GSM7_BASIC.index(chr(code)) if chr(code) in GSM7_BASIC and code != ESCAPE else _NOT_PLAIN for code in range(256)
)
"""Latin-1 to septet, for the usual case: no escape needed. Whatever is not plain becomes an octet that is no septet."""
_CHARACTERS: Mapping[int, str] = MappingProxyType({septet: char for char, septet in GSM7_EXTENSION.items()})

_LOOK_ALIKES = str.maketrans(
    {
        "‘": "'",
        "’": "'",
        "‚": "'",
        "‛": "'",
        "′": "'",
        "ʼ": "'",
        "`": "'",
        "´": "'",
        "‹": "<",
        "›": ">",
        "“": '"',
        "”": '"',
        "„": '"',
        "‟": '"',
        "″": '"',
        "«": '"',
        "»": '"',
        "‐": "-",
        "‑": "-",
        "‒": "-",
        "–": "-",
        "—": "-",
        "―": "-",
        "−": "-",
        "⁃": "-",
        "•": "-",
        "·": ".",
        "…": "...",
        "‥": "..",
        "⁄": "/",
        "∕": "/",
        "×": "x",
        "\t": " ",
        "\u00a0": " ",
        "\u2000": " ",
        "\u2001": " ",
        "\u2002": " ",
        "\u2003": " ",
        "\u2004": " ",
        "\u2005": " ",
        "\u2006": " ",
        "\u2007": " ",
        "\u2008": " ",
        "\u2009": " ",
        "\u200a": " ",
        "\u202f": " ",
        "\u205f": " ",
        "\u3000": " ",
        "\u2028": "\n",
        "\u2029": "\n",
        "\u200b": "",
        "\u2060": "",
        "\ufeff": "",
        "\u00ad": "",
        "™": "TM",
        "©": "(c)",
        "®": "(r)",
    }
)


class TextError(ValueError):
    """Text that no message can carry; `code` is stable, `detail` is for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Encoded(msgspec.Struct, frozen=True, kw_only=True):
    """A text ready for a carrier: the user data of each segment, in order, without headers."""

    alphabet: Alphabet
    parts: tuple[bytes, ...]


def alphabet_of(text: str) -> Alphabet:
    """The smaller alphabet that holds the whole text."""
    return "ucs2" if _OUTSIDE_GSM7.search(text) else "gsm7"


def characters_outside_gsm7(text: str) -> set[str]:
    """Each of them once: one makes the whole text UCS-2."""
    return set() if _gsm7(text) is not None else set(_OUTSIDE_GSM7.findall(text))


def encode(text: str, alphabet: Alphabet) -> bytes:
    """The whole text in this alphabet: a septet per octet with escapes, or UTF-16 big-endian."""
    if alphabet == "gsm7":
        septets = _gsm7(text)
        if septets is None:
            raise TextError("bad_text", "the text has characters outside the GSM alphabet")
        return septets
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError:
        raise TextError("bad_text", "the text has half a surrogate pair") from None


def decode(data: bytes, alphabet: Alphabet) -> str:
    """The text of user data, as a handset reads it: an unknown escape shows as a space (GSM 03.38, 6.2.1.1)."""
    if alphabet == "ucs2":
        return data.decode("utf-16-be", "replace")
    septets, text = iter(data), []
    for septet in septets:
        if septet == ESCAPE:
            text.append(_CHARACTERS.get(next(septets, ESCAPE), " "))
        else:
            text.append(GSM7_BASIC[septet & 0x7F])
    return "".join(text)


def count_segments(text: str) -> tuple[Alphabet, int]:
    """The alphabet and the number of segments; the same that `split` makes, without making them."""
    alphabet, data = _encoded(text)
    return alphabet, 1 if len(data) <= SINGLE[alphabet] else len(_cuts(data, alphabet)) - 1


def split(text: str) -> Encoded:
    """The text as segments; an empty text is one empty segment."""
    alphabet, data = _encoded(text)
    if len(data) <= SINGLE[alphabet]:
        return Encoded(alphabet=alphabet, parts=(data,))
    cuts = _cuts(data, alphabet)
    return Encoded(alphabet=alphabet, parts=tuple(data[begin:end] for begin, end in pairwise(cuts)))


def smart(text: str) -> str:
    """The text with typographic look-alikes (quotes, dashes, ellipsis, spaces ...) replaced by what GSM 03.38 has.

    Changes what the recipient reads; only for senders who asked for it.
    """
    return text.translate(_LOOK_ALIKES)


def _encoded(text: str) -> tuple[Alphabet, bytes]:
    septets = _gsm7(text)
    return ("ucs2", encode(text, "ucs2")) if septets is None else ("gsm7", septets)


def _gsm7(text: str) -> bytes | None:
    """The septets, or None if a character is outside the GSM tables."""
    plain = text.encode("latin-1", "ignore").translate(_PLAIN)
    if plain.isascii() and len(plain) == len(text):
        return plain
    return None if _OUTSIDE_GSM7.search(text) else text.translate(_SEPTETS).encode("ascii")


def _cuts(data: bytes, alphabet: Alphabet) -> list[int]:
    """Where each segment begins, and where the last one ends, for data that needs several."""
    size, cuts = PART[alphabet], [0]
    while cuts[-1] + size < len(data):
        cut = cuts[-1] + size
        if alphabet == "gsm7":
            cut -= data[cut - 1] == ESCAPE
        elif 0xD8 <= data[cut - 2] <= 0xDB:
            cut -= 2
        cuts.append(cut)
    if len(cuts) > MAX_SEGMENTS:
        raise TextError("too_long", f"the text has more than {MAX_SEGMENTS} segments")
    return [*cuts, len(data)]
