"""When messages may go by the clock on the wall: hours and days, in the time zones where people are.

In: for each place where the recipient may be the rules that hold there (hours that are wanted, or to be avoided, in one
zone each), and a moment in milliseconds. Out: `Opening`, the next span in which all rules hold at as many places as
possible: at all of them wherever there is such a span within a week, else at the most (a number that may be in Guam or in
New York has no hour of the day that suits both). Where rules leave no hour at any place, nothing opens within the week.
Hours are read off the clock on the wall, so a change to or from summer time moves nothing but the number of milliseconds;
an hour that is missing that day is passed over, one that comes twice counts twice. Raises TimetableError for a zone that
nobody knows. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.values.window import MINUTES_A_DAY, Window

HORIZON_DAYS = 8
"""A week and a day: by then every weekday has been there."""
_MINUTE_MS = 60_000


class TimetableError(ValueError):
    """A time zone that the IANA database does not have."""


class HoursRule(NamedTuple):
    """Hours in one zone. `wanted`: messages go within them; else they go outside them (quiet hours)."""

    window: Window
    zone: str
    wanted: bool

    def holds(self, at: datetime) -> bool:
        """Whether messages may go at this moment as far as this rule goes."""
        local = at.astimezone(zone_of(self.zone))
        return _within(self.window, local) == self.wanted


class Opening(NamedTuple):
    """From `opens_at` on (the moment asked about, when it is open already), until just before `closes_at`; milliseconds."""

    opens_at: int
    closes_at: int


def zone_of(name: str) -> ZoneInfo:
    """The zone of this IANA name. Raises TimetableError."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError) as fault:  # ZoneInfoNotFoundError is a KeyError
        raise TimetableError(f"{name!r} is no time zone of the IANA database") from fault
    except KeyError:
        raise TimetableError(f"{name!r} is no time zone of the IANA database") from None


Places = tuple[tuple[HoursRule, ...], ...]


def next_opening(places: Places, now: int) -> Opening:
    """The next time at which messages under these rules may go."""
    remembered = _LAST.get(places)
    if remembered is not None and remembered.opens_at <= now < remembered.closes_at:
        return Opening(now, remembered.closes_at)
    found = _find(places, now)
    if len(_LAST) >= _REMEMBERED:
        _LAST.clear()
    _LAST[places] = found
    return found


_LAST: dict[Places, Opening] = {}
_REMEMBERED = 10_000


def _find(places: Places, now: int) -> Opening:
    end = now + HORIZON_DAYS * MINUTES_A_DAY * _MINUTE_MS
    moments = [now, *sorted({moment for rules in places for rule in rules for moment in _changes(rule, now, end)})]
    held = [_count(places, moment) for moment in moments]
    best = max(held)
    if best == 0:
        return Opening(end, end)
    first = held.index(best)
    closes = next((moments[i] for i in range(first, len(moments)) if held[i] < best), end)
    return Opening(moments[first], closes)


def _count(places: Places, moment: int) -> int:
    """At how many places all rules hold."""
    at = datetime.fromtimestamp(moment / 1000, UTC)
    return sum(all(rule.holds(at) for rule in rules) for rules in places)


def _within(window: Window, local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    today, yesterday = 1 << local.weekday(), 1 << (local.weekday() - 1) % 7
    if window.opens < window.closes:
        return bool(window.days & today) and window.opens <= minute < window.closes
    # Over midnight, or a whole day where both are the same: the day is the one on which it begins.
    return (bool(window.days & today) and minute >= window.opens) or (
        bool(window.days & yesterday) and minute < window.closes
    )


def _changes(rule: HoursRule, now: int, end: int) -> Iterator[int]:
    """Moments after `now`, ascending or not, at which the rule may begin or cease to hold."""
    zone = zone_of(rule.zone)
    first = datetime.fromtimestamp(now / 1000, zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(end / 1000, zone).date()
    minutes = {rule.window.opens % MINUTES_A_DAY, rule.window.closes % MINUTES_A_DAY}
    for moment in (*_local_moments(rule.zone, first, last, minutes), *_offset_changes(rule.zone, first, last)):
        if now < moment < end:
            yield moment


def _local_moments(name: str, first: date, last: date, minutes: Iterable[int]) -> Iterator[int]:
    zone = zone_of(name)
    for days in range((last - first).days + 1):
        day = first + timedelta(days=days)
        for minute in minutes:
            for fold in (0, 1):
                local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone, fold=fold)
                yield round(local.timestamp() * 1000)


@lru_cache(maxsize=4096)
def _offset_changes(name: str, first: date, last: date) -> tuple[int, ...]:
    """The moments between these days at which clocks in the zone are put forward or back."""
    zone = zone_of(name)
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    out = []
    for days in range((last - first).days + 1):
        low = round((start + timedelta(days=days)).timestamp()) // 60
        high = low + MINUTES_A_DAY
        if _offset(zone, low) == _offset(zone, high):
            continue
        before = _offset(zone, low)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
        out.append(high * _MINUTE_MS)
    return tuple(out)


def _offset(zone: ZoneInfo, minute: int) -> timedelta | None:
    return datetime.fromtimestamp(minute * 60, zone).utcoffset()
