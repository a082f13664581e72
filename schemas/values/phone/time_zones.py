"""The time zones in which a number may be.

In: a number's digits. Out: names of the IANA database, by the longest prefix that libphonenumber's data know; `UTC` for a
number of which they know nothing. Calling codes of many zones (+1 800, +7) give all of them.
"""

from __future__ import annotations

from functools import lru_cache

from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

UTC_ALONE = ("UTC",)


def zones_of(number: int) -> tuple[str, ...]:
    """Where this number may be; never empty."""
    digits = str(number)
    return _zones_of_block(digits[:-4] if len(digits) - 4 >= TIMEZONE_LONGEST_PREFIX else digits)


@lru_cache(maxsize=50_000)
def _zones_of_block(digits: str) -> tuple[str, ...]:
    for length in range(min(len(digits), TIMEZONE_LONGEST_PREFIX), 0, -1):
        zones = TIMEZONE_DATA.get(digits[:length])
        if zones:
            return tuple(zones)
    return UTC_ALONE
