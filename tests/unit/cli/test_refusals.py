"""What operators type wrong is refused before anything is asked: with the option, the value, and how it is written."""

from __future__ import annotations

import pytest

from infra.cli.hours import read_hours
from infra.cli.output import Format, show_one, show_rows
from infra.runtime.refusal import Refusal
from tests.support.command_line import sluice

ROUTE = ("route", "set", "+49", "--price", "0.07", "--carrier")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*ROUTE, ""), "--carrier '' is no list of carriers"),
        ((*ROUTE, "acme,,backup"), "--carrier 'acme,,backup' is no list of carriers"),
        ((*ROUTE, "acme", "--strategy", "cheapest", "--cost", "1,2"), "--strategy cheapest --cost 1,2 does not fit"),
        ((*ROUTE, "acme", "--strategy", "weighted", "--weight", "x"), "--weight 'x' is no weight"),
        ((*ROUTE, "acme", "--strategy", "cheapest", "--cost", "x"), "--cost 'x' is no amount"),
        (("route", "set", "+49", "--carrier", "acme", "--price", "x"), "--price 'x' is no amount"),
        (("tenant", "set", "shop", "--messages-per-day", "1.5"), "--messages-per-day '1.5' is no number of messages"),
        (("tenant", "set", "shop", "--spend-per-month", "x"), "--spend-per-month 'x' is no amount"),
        (("tenant", "set", "shop", "--lanes", "fast"), "--lanes 'fast' names an unknown lane"),
        (("tenant", "set", "shop", "--retry-attempts", "0"), "--retry-attempts '0': 0 is not within 1 to 20"),
        (("tenant", "set", "shop", "--retry-attempts", "few"), "--retry-attempts 'few' is no whole number"),
        (("tenant", "set", "shop", "--retry-ladder", "10s,5m"), "--retry-ladder '10s,5m': there is no step '5m'"),
        (("tenant", "set", "shop", "--retry-never", "absent"), "--retry-never 'absent': 'absent' is no reason"),
        (("tenant", "set", "shop", "--retry-max-age", "999999"), "--retry-max-age '999999': 999999 is not within"),
        (("profile", "set", "Night"), "the profile 'Night': name: 'Night' is none"),
        (("profile", "set", "night", "--share", "1.5"), "the profile 'night': share: 1.5 is no share of a rate"),
        (("profile", "set", "night", "--share", "nan"), "the profile 'night': share: nan is no share of a rate"),
        (("profile", "set", "night", "--share", "half"), "--share 'half' is no number"),
        (("profile", "set", "night", "--lane", "fast"), "the profile 'night': lane: 'fast' is none that a profile gives"),
        (("profile", "set", "night", "--validity-seconds", "0"), "validity_seconds: 0 is not within 1 to 172800"),
        (("profile", "set", "night", "--quiet-hours", "21-08"), "cannot read the hours '21-08'"),
        (("profile", "set", "night", "--retry-ladder", "1m,10s"), "--retry-ladder '1m,10s': 1m, 10s is in no order"),
        (("panic", "--tenant", "shop", "--carrier", "acme"), "not --tenant and --carrier"),
        (("panic", "--sender", "a much longer name", "--yes"), "--sender 'a much longer name' would stop nothing"),
        (("campaign", "reschedule", "cmp_x", "--at-once", "--start-at", "2027-03-01T09:00:00Z"), "one excludes the other"),
        (("campaign", "reschedule", "cmp_x", "--any-hour", "--window", "09:00-20:00"), "one excludes the other"),
    ],
)
def test_a_refusal_names_the_option_and_the_value(arguments: tuple[str, ...], said: str) -> None:
    done = sluice(*arguments, SLUICE_POSTGRES__URL="postgresql://127.0.0.1:9/none")
    assert done.returncode == 1 and done.stdout == ""
    assert f"{said}" in done.stderr and "next: " in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("21-08", "'21' is no time of the day such as 09:30"),
        ("21:00", "two times with - between"),
        ("+9:00-20:00", "'+9:00' is no time of the day"),
        ("24:00-08:00", "'24:00' is no time of the day"),
        ("09:00-20:00 mon-fry", "'fry' is no day of the week"),
    ],
)
def test_hours_that_cannot_be_read_are_named_in_words_of_people(text: str, said: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_hours(text)
    assert said in str(refused.value)


def test_an_object_within_an_object_is_lines_of_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"id": "acme", "health": {"otp": {"state": "open", "fault": "", "share": 0.5}}, "caps": {}, "waiting": None}
    show_one(row, Format.TABLE)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[2:] == ["health otp  state open, share 0.5", "caps", "waiting"]
    show_rows([{"name": "a", "has": [{"x": 1}, {"x": 2}]}], Format.TABLE)
    assert "x 1; x 2" in capsys.readouterr().out
    show_one(row, Format.CSV)
    assert '"{""otp"": ' in capsys.readouterr().out


def test_no_rows_are_told_in_words_where_they_have_some(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([], Format.TABLE, empty="no stop is in force")
    assert capsys.readouterr() == ("", "no stop is in force\n")
