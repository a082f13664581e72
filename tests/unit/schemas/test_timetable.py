"""Hours are read off the clock on the wall, on every day of the year; the next opening is what a search by minutes finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.rules.timetable import HORIZON_DAYS, HoursRule, Places, TimetableError, next_opening, zone_of
from schemas.values.phone.time_zones import zones_of
from schemas.values.window import EVERY_DAY, Window

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "UTC")


def ms(text: str, zone: str = "UTC", fold: int = 0) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


def window(opens: str, closes: str, days: int = EVERY_DAY) -> Window:
    minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (opens, closes)]
    return Window(opens=minutes[0], closes=minutes[1], days=days, timezone="recipient")


def wanted(opens: str, closes: str, zone: str = "Europe/Berlin", days: int = EVERY_DAY) -> Places:
    return ((HoursRule(window(opens, closes, days), zone, True),),)


def test_outside_the_hours_it_waits_for_the_next_morning_and_inside_until_the_evening() -> None:
    rules = wanted("09:00", "20:00")
    assert next_opening(rules, ms("2026-11-28T20:00", "Europe/Berlin"))[0] == ms("2026-11-29T09:00", "Europe/Berlin")
    noon = ms("2026-11-28T12:00", "Europe/Berlin")
    assert next_opening(rules, noon) == (noon, ms("2026-11-28T20:00", "Europe/Berlin"))


def test_weekdays_are_those_of_the_zone() -> None:
    monday = wanted("00:00", "23:59", "Asia/Tokyo", days=1)
    # Sunday afternoon in UTC is Monday in Tokyo.
    assert next_opening(monday, ms("2026-11-29T15:30"))[0] == ms("2026-11-29T15:30")
    assert next_opening(monday, ms("2026-11-28T15:30"))[0] == ms("2026-11-29T15:00")


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    friday_night = wanted("22:00", "02:00", days=1 << 4)
    saturday = ms("2026-11-28T01:59", "Europe/Berlin")
    assert next_opening(friday_night, saturday) == (saturday, saturday + MINUTE)
    assert next_opening(friday_night, ms("2026-11-28T02:00", "Europe/Berlin"))[0] == ms("2026-12-04T22:00", "Europe/Berlin")


def test_when_clocks_go_forward_a_missing_hour_opens_at_once_behind_it() -> None:
    # 29 March 2026: 02:00 is 03:00 in Berlin.
    rules = wanted("02:30", "04:00")
    assert next_opening(rules, ms("2026-03-29T01:00", "Europe/Berlin")) == (ms("2026-03-29T01:00"), ms("2026-03-29T02:00"))
    assert next_opening(wanted("02:10", "02:50"), ms("2026-03-29T00:00"))[0] == ms("2026-03-30T02:10", "Europe/Berlin")


def test_when_clocks_go_back_the_hour_that_comes_twice_counts_twice() -> None:
    # 25 October 2026: 03:00 is 02:00 in Berlin; 02:30 to 02:45 is there at 00:30 and at 01:30 UTC.
    rules = wanted("02:30", "02:45")
    first = next_opening(rules, ms("2026-10-25T00:00"))
    assert first == (ms("2026-10-25T00:30"), ms("2026-10-25T00:45"))
    assert next_opening(rules, first.closes_at) == (ms("2026-10-25T01:30"), ms("2026-10-25T01:45"))


def test_nine_in_the_morning_stays_nine_in_the_morning_over_the_change() -> None:
    rules = wanted("09:00", "10:00")
    before, after = ms("2026-03-28T07:59"), ms("2026-03-28T09:00")
    assert next_opening(rules, before)[0] == ms("2026-03-28T08:00")
    assert next_opening(rules, after)[0] == ms("2026-03-29T07:00")


def test_quiet_hours_keep_what_is_within_them() -> None:
    quiet = ((HoursRule(window("22:00", "08:00"), "Europe/Berlin", False),),)
    assert next_opening(quiet, ms("2026-11-28T23:00", "Europe/Berlin"))[0] == ms("2026-11-29T08:00", "Europe/Berlin")


def test_of_several_zones_all_have_to_be_open_and_where_that_never_is_most_of_them() -> None:
    far = tuple((HoursRule(window("09:00", "20:00"), zone, True),) for zone in ("America/New_York", "America/Los_Angeles"))
    assert next_opening(far, ms("2026-11-28T15:00"))[0] == ms("2026-11-28T17:00")
    never = tuple(
        (HoursRule(window("09:00", "11:00"), zone, True),) for zone in ("America/New_York", "America/Detroit", "Asia/Tokyo")
    )
    assert next_opening(never, ms("2026-11-28T12:00"))[0] == ms("2026-11-28T14:00")


def test_hours_that_contradict_each_other_never_open() -> None:
    night = HoursRule(window("22:00", "23:00"), "Europe/Berlin", True)
    quiet = HoursRule(window("21:00", "08:00"), "Europe/Berlin", False)
    now = ms("2026-11-28T22:30", "Europe/Berlin")
    assert next_opening(((night, quiet),), now)[0] == now + HORIZON_DAYS * DAY
    assert next_opening(((night,),), now)[0] == now


def test_numbers_know_where_they_may_be() -> None:
    assert zones_of(4915112345678) == ("Europe/Berlin",)
    assert zones_of(12125551234) == ("America/New_York",)
    assert len(zones_of(18005551234)) > 20
    assert zones_of(999) == ("UTC",)
    for zone in {zone for number in (18005551234, 79161234567, 4915112345678) for zone in zones_of(number)}:
        assert zone_of(zone)


@pytest.mark.parametrize("name", ["Europe/Nowhere", "../etc/passwd", "", "/etc/localtime", "\0"])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(TimetableError, match="no time zone"):
        zone_of(name)


@given(
    st.integers(ms("2026-01-01T00:00") // MINUTE, ms("2026-12-31T00:00") // MINUTE),
    st.lists(
        st.tuples(
            st.integers(0, 1439), st.integers(0, 1439), st.integers(1, EVERY_DAY), st.sampled_from(ZONES), st.booleans()
        ),
        min_size=1,
        max_size=3,
    ),
)
@example(ms("2026-03-29T00:00") // MINUTE, [(150, 240, EVERY_DAY, "Europe/Berlin", True)])
@example(ms("2026-10-24T23:00") // MINUTE, [(150, 165, EVERY_DAY, "Europe/Berlin", True)])
@example(ms("2026-04-04T14:00") // MINUTE, [(100, 110, EVERY_DAY, "Australia/Lord_Howe", True)])
def test_the_opening_is_what_a_search_minute_by_minute_finds(
    minute: int, parts: list[tuple[int, int, int, str, bool]]
) -> None:
    rules = tuple(
        (HoursRule(Window(opens=opens, closes=closes, days=days, timezone=zone), zone, is_wanted),)
        for opens, closes, days, zone, is_wanted in parts
    )
    now = minute * MINUTE
    opening = next_opening(rules, now)
    horizon = range(minute, minute + 2 * 24 * 60)
    held = [sum(rule.holds(datetime.fromtimestamp(m * 60, UTC)) for [rule] in rules) for m in horizon]
    best = max(held)
    if best < len(rules) or opening.opens_at >= now + 2 * DAY:
        return  # a better moment may be further ahead than this search goes
    first = held.index(best)
    assert opening.opens_at == (minute + first) * MINUTE
    closes = next((i for i in range(first, len(held)) if held[i] < best), None)
    if closes is not None:
        assert opening.closes_at == (minute + closes) * MINUTE
    else:
        assert opening.closes_at >= now + 2 * DAY - MINUTE


def test_what_is_remembered_is_not_believed_before_and_after_its_time() -> None:
    rules = wanted("09:00", "20:00", "Asia/Kathmandu")
    noon = ms("2026-11-28T12:00", "Asia/Kathmandu")
    first = next_opening(rules, noon)
    assert next_opening(rules, first.closes_at)[0] == noon + 21 * 60 * MINUTE
    assert next_opening(rules, noon + MINUTE) == (noon + MINUTE, first.closes_at)
    assert next_opening(rules, noon - round(timedelta(hours=6).total_seconds()) * 1000)[0] == noon - 3 * 60 * MINUTE
