"""The time that a carrier writes into a receipt.

In: its octets: YYMMDDhhmm[ss], YYYYMMDDhhmm[ss], the same with `-`, `/`, `:`, `.` between, SMPP's absolute format. Out:
seconds since the epoch, or None when it is no time. It is what the carrier wrote, read as UTC: year 1, 1970 or 2070
included; whoever passes it on says whose it is. Two digits of a year are read as POSIX does: 69 to 99 are of the century
before. Nothing raises.
"""

from __future__ import annotations

import re
from calendar import timegm
from functools import lru_cache

_LAST = 253_402_300_799  # the last second of the year 9999: later ones are no date to most readers
_ABSOLUTE = re.compile(r"(\d{12})\d{3}[+\-R]")
_SEPARATED = re.compile(r"(\d{4}|\d\d)[-/.](\d\d)[-/.](\d\d)[ T]?(\d\d):?(\d\d)(?::?(\d\d))?(?:\.\d+)?Z?")


@lru_cache(maxsize=1024)
def carrier_time(raw: bytes) -> float | None:
    """Seconds since the epoch."""
    text = str(raw, "latin-1")
    found = _ABSOLUTE.fullmatch(text) or _SEPARATED.fullmatch(text)
    if found is not None:
        text = "".join(group or "" for group in found.groups())
    if not (text.isdecimal() and text.isascii()) or len(text) not in (10, 12, 14):
        return None
    # Trap: twelve digits are YYMMDDhhmmss or YYYYMMDDhhmm; the second starts with 20 and is no date read as the first.
    long_year = len(text) == 14 or (len(text) == 12 and text[:2] == "20" and not _is_date(text))
    year, rest = (int(text[:4]), text[4:]) if long_year else (_century(int(text[:2])), text[2:])
    month, day, hour, minute, second = (int(rest[at : at + 2] or 0) for at in range(0, 10, 2))
    if not (year > 0 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
        return None
    return float(min(_LAST, timegm((year, month, day, hour, minute, second))))


def _century(year: int) -> int:
    return 1900 + year if year >= 69 else 2000 + year


def _is_date(text: str) -> bool:
    """Whether twelve digits read as YYMMDDhhmmss."""
    return 1 <= int(text[2:4]) <= 12 and 1 <= int(text[4:6]) <= 31 and int(text[6:8]) < 24 and int(text[8:10]) < 60
