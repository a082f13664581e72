"""When a campaign begins and at which hours it sends: as clients say it, as it is stored, and as they get it back.

Enters: a `Schedule`, or a change of one. Leaves: milliseconds and a `Window`. Refused: 422 for a time that is too far ahead,
for hours in no known time zone and for no day at all.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, cast, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.http.fields import Instant, check_ahead, instant_or_none, milliseconds
from gateway.http.problem import refusal
from schemas.rules.may_go import RECIPIENT
from schemas.rules.timetable import TimetableError, zone_of
from schemas.values.window import Window, day_names, days_of, minutes_of, time_of_day

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = get_args(Day)
TimeOfDay = Annotated[
    str,
    Meta(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)",
        description="hours and minutes, 00:00 to 23:59",
        examples=["09:00"],
    ),
]
ZoneName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="a name of the IANA database, or `recipient`: wherever the number is; several zones have to agree",
        examples=["Europe/Berlin"],
    ),
]


class Hours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From `from` to just before `to`, on these days; over midnight where `to` is earlier, all day where they are equal."""

    opens: TimeOfDay = msgspec.field(name="from")
    closes: TimeOfDay = msgspec.field(name="to")
    days: Annotated[tuple[Day, ...], Meta(min_length=1, max_length=7)] = _DAYS
    timezone: ZoneName = RECIPIENT


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing goes before `start_at`, nor outside `window`."""

    start_at: Instant | None = None
    window: Hours | None = None


class Reschedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays; null takes it away."""

    start_at: Instant | UnsetType | None = UNSET
    window: Hours | UnsetType | None = UNSET


class ShownSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign's schedule as it stands."""

    start_at: str | None
    window: Hours | None


def start_of(start_at: datetime | None, now: int, pointer: str) -> int | None:
    """The time in milliseconds. Refused: too far ahead."""
    if start_at is None:
        return None
    at = milliseconds(start_at)
    check_ahead(at, now, pointer)
    return at


def window_of(hours: Hours | None, pointer: str) -> Window | None:
    """The hours as every role knows them. Refused: a zone that nobody knows."""
    if hours is None:
        return None
    if hours.timezone != RECIPIENT:
        try:
            zone_of(hours.timezone)
        except TimetableError as fault:
            raise refusal(f"{pointer}/timezone", "unknown_timezone", f"{fault}; or say `recipient`") from None
    return Window(
        opens=minutes_of(hours.opens),
        closes=minutes_of(hours.closes),
        days=days_of(hours.days),
        timezone=hours.timezone,
    )


def shown(start_at: int | None, hours: dict[str, Any] | None) -> ShownSchedule | None:
    """The schedule of a stored campaign; None without one."""
    if start_at is None and hours is None:
        return None
    return ShownSchedule(
        start_at=instant_or_none(start_at), window=None if hours is None else _hours(msgspec.convert(hours, Window))
    )


def _hours(window: Window) -> Hours:
    return Hours(
        opens=time_of_day(window.opens),
        closes=time_of_day(window.closes),
        days=cast(tuple[Day, ...], day_names(window.days)),
        timezone=window.timezone,
    )
