"""Hours of the day as people write them, on a command line or in a file: `09:00-20:00 mon-fri Europe/Berlin`.

In: text of one to three words: hours, days (default: all) and a time zone (default: `recipient`, wherever the number may
be); or a `Window`. Out: the other one. Wrong: `TimetableError` for a zone that there is not, `ValueError` for anything else.
"""

from __future__ import annotations

from schemas.rules.may_go import RECIPIENT
from schemas.rules.timetable import zone_of
from schemas.values.window import DAYS, EVERY_DAY, Window, day_names, days_of, minutes_of, time_of_day


def parse_hours(text: str) -> Window:
    """The window of this text."""
    hours, *more = text.split()[:4] or [""]
    opens, closes = _times(hours)
    days = _days(more.pop(0)) if more and more[0][:3].lower() in DAYS else EVERY_DAY
    zone = more.pop(0) if more else RECIPIENT
    if zone != RECIPIENT:
        zone_of(zone)
    if more:
        raise ValueError(f"{more[0]!r} is too much")
    return Window(opens=opens, closes=closes, days=days, timezone=zone)


def in_words(window: Window) -> str:
    """The text that `parse_hours` reads as this window."""
    days = [] if window.days == EVERY_DAY else [",".join(day_names(window.days))]
    return " ".join([f"{time_of_day(window.opens)}-{time_of_day(window.closes)}", *days, window.timezone])


def _times(text: str) -> tuple[int, int]:
    opens, dash, closes = text.partition("-")
    if not dash:
        raise ValueError("they are two times with - between")
    return minutes_of(opens), minutes_of(closes)


def _days(text: str) -> int:
    """mon,wed or mon-fri or both."""
    names: list[str] = []
    for part in text.lower().split(","):
        first, _, last = part.partition("-")
        for name in (first, last or first):
            if name not in DAYS:
                raise ValueError(f"{name!r} is no day of the week")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        names += [DAYS[(begin + n) % 7] for n in range((end - begin) % 7 + 1)]
    return days_of(names)
