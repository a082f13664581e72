"""Hours as people write them: read, shown again, and refused with the way out."""

from __future__ import annotations

import pytest

from infra.cli.hours import as_json, read_hours
from infra.runtime.refusal import Refusal
from schemas.rules.written_hours import in_words
from schemas.values.window import EVERY_DAY, Window


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("09:00-20:00", Window(opens=540, closes=1200, days=EVERY_DAY, timezone="recipient")),
        ("22:00-08:00 Europe/Berlin", Window(opens=1320, closes=480, days=EVERY_DAY, timezone="Europe/Berlin")),
        ("09:30-20:00 mon-fri UTC", Window(opens=570, closes=1200, days=0b0011111, timezone="UTC")),
        ("00:00-00:00 sat,sun", Window(opens=0, closes=0, days=0b1100000, timezone="recipient")),
        ("09:00-10:00 sat-mon,wed", Window(opens=540, closes=600, days=0b1100101, timezone="recipient")),
    ],
)
def test_what_is_written_is_read_and_shown_again(text: str, window: Window) -> None:
    assert read_hours(text) == window
    assert read_hours(in_words(window)) == window


def test_the_api_gets_it_as_it_takes_it() -> None:
    assert as_json(read_hours("09:00-20:00 mon,sun")) == {
        "from": "09:00",
        "to": "20:00",
        "days": ["mon", "sun"],
        "timezone": "recipient",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9-20",
        "09:00",
        "24:00-08:00",
        "09:60-10:00",
        "09:00-10:00-11:00",
        "09:00-10:00 monday-x",
        "09:00-10:00 mon UTC x",
    ],
)
def test_what_cannot_be_read_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_hours(text)
    assert refused.value.next_step


def test_a_zone_that_is_none_is_named() -> None:
    with pytest.raises(Refusal, match="Mars/Phobos"):
        read_hours("09:00-10:00 Mars/Phobos")
