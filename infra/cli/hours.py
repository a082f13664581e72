"""Hours of the day as people write them on a command line: `09:00-20:00 mon-fri Europe/Berlin`.

In: text of one to three words: hours, days (default: all) and a time zone (default: `recipient`, wherever the number may
be). Out: a `Window`. Wrong: `Refusal` that says how it is written.
"""

from __future__ import annotations

from infra.runtime.refusal import Refusal
from schemas.rules.timetable import TimetableError
from schemas.rules.written_hours import parse_hours
from schemas.values.window import Window, day_names, time_of_day

HOW = "write hours, days and a time zone, e.g. '09:00-20:00 mon-fri Europe/Berlin'; days and zone may be left out"


def read_hours(text: str) -> Window:
    """The window of this text."""
    try:
        return parse_hours(text)
    except TimetableError as fault:
        raise Refusal(str(fault), "take a name such as Europe/Berlin, or recipient") from None
    except ValueError as fault:
        raise Refusal(f"cannot read the hours {text!r}: {fault}", HOW) from None


def as_json(window: Window) -> dict[str, object]:
    """The window as the API takes it."""
    return {
        "from": time_of_day(window.opens),
        "to": time_of_day(window.closes),
        "days": list(day_names(window.days)),
        "timezone": window.timezone,
    }
