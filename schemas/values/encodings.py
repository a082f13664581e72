"""Files that are not UTF-8 though they are text: what editors and spreadsheets save, named so that it can be mended.

Enters: the first bytes of a file or body. Leaves: the name of the encoding that it surely is in, or None. JSON, CSV and TOML
begin with a character of ASCII (JSON and CSV of other scripts are not ours), so that zeros beside it tell UTF-16 and
UTF-32 also where the byte order mark is missing.
"""

from __future__ import annotations

from codecs import BOM_UTF8 as BOM_UTF8
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE

LOOKED_AT = 4
"""Bytes that tell."""
_MARKS = ((BOM_UTF32_LE, "UTF-32"), (BOM_UTF32_BE, "UTF-32"), (BOM_UTF16_LE, "UTF-16"), (BOM_UTF16_BE, "UTF-16"))
_ZEROS = {
    (False, True, True, True): "UTF-32",
    (True, True, True, False): "UTF-32",
    (False, True): "UTF-16",
    (True, False): "UTF-16",
}


def foreign_encoding(beginning: bytes) -> str | None:
    """UTF-16 or UTF-32, when text that begins so is in one of them; bytes behind the first four are not looked at."""
    for mark, name in _MARKS:
        if beginning.startswith(mark):
            return name
    zeros = tuple(byte == 0 for byte in beginning[:LOOKED_AT])
    return _ZEROS.get(zeros) or _ZEROS.get(zeros[:2])


def describe_encoding(name: str) -> str:
    """What is wrong with it, and the mend."""
    return f"this is {name}; save it as UTF-8"
