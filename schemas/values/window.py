"""Hours of the day, in a campaign's command and row and among a tenant's settings; and how their parts are written."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = 0b1111111
MINUTES_A_DAY = 24 * 60


class Window(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Hours of the day: from `opens` to just before `closes`, minutes since midnight; over midnight where `closes` is not
    above `opens`, a whole day where they are equal. `days`: bit 0 Monday to bit 6 Sunday, on which it opens. `timezone`: a
    name of the IANA database, or `recipient`: wherever the number may be."""

    opens: int
    closes: int
    days: int
    timezone: str


def days_of(names: Iterable[str]) -> int:
    """The bits of these days. Raises ValueError for one that is none."""
    return sum(1 << DAYS.index(name) for name in set(names))


def day_names(days: int) -> tuple[str, ...]:
    """The days of these bits, from Monday."""
    return tuple(name for number, name in enumerate(DAYS) if days >> number & 1)


def minutes_of(time: str) -> int:
    """Minutes since midnight of a time such as 09:30. Raises ValueError."""
    hours, colon, minutes = time[:2], time[2:3], time[3:]
    if not (colon == ":" and len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit()):
        raise ValueError(f"{time!r} is no time of the day such as 09:30")
    if int(hours) >= 24 or int(minutes) >= 60:
        raise ValueError(f"{time!r} is no time of the day")
    return int(hours) * 60 + int(minutes)


def time_of_day(minutes: int) -> str:
    """The same as text."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
