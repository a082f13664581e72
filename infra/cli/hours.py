"""Hours of the day as people write them on a command line: `09:00-20:00 mon-fri Europe/Berlin`.

In: text of one to three words: hours, days (default: all) and a time zone (default: `recipient`, wherever the number may
be). Out: a `Window`. Wrong: `Refusal` that says how it is written.
"""

from __future__ import annotations

from infra.runtime.refusal import Refusal
from schemas.rules.may_go import RECIPIENT
from schemas.rules.timetable import TimetableError, zone_of
from schemas.values.window import DAYS, EVERY_DAY, Window, day_names, days_of, minutes_of, time_of_day

HOW = "write hours, days and a time zone, e.g. '09:00-20:00 mon-fri Europe/Berlin'; days and zone may be left out"


def read_hours(text: str) -> Window:
    """The window of this text."""
    hours, *more = text.split()[:4] or [""]
    try:
        opens, closes = _times(hours)
        days = _days(more.pop(0)) if more and more[0][:3].lower() in DAYS else EVERY_DAY
        zone = more.pop(0) if more else RECIPIENT
        if zone != RECIPIENT:
            zone_of(zone)
    except TimetableError as fault:
        raise Refusal(str(fault), "take a name such as Europe/Berlin, or recipient") from None
    except ValueError as fault:
        raise Refusal(f"cannot read the hours {text!r}: {fault}", HOW) from None
    if more:
        raise Refusal(f"cannot read the hours {text!r}: {more[0]!r} is too much", HOW)
    return Window(opens=opens, closes=closes, days=days, timezone=zone)


def as_json(window: Window) -> dict[str, object]:
    """The window as the API takes it."""
    return {
        "from": time_of_day(window.opens),
        "to": time_of_day(window.closes),
        "days": list(day_names(window.days)),
        "timezone": window.timezone,
    }


def in_words(window: Window) -> str:
    """The text that `read_hours` reads as this window."""
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
