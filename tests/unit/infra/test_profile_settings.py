"""`[profiles.NAME]`: from the file to what the product keeps, faults by name; and what seeding passes over."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.settings.load import Loaded, load_settings
from infra.settings.model import SettingsError
from infra.supervisor.passed_over import profile_passed_over
from schemas.values.profile import Profile
from schemas.values.retry_strategy import RetryStrategy


def _load(file: Path) -> Loaded:
    return load_settings({}, config=file, default_file=None, environment={})


def _write(folder: Path, text: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(text)
    return file


def test_profiles_of_the_file(tmp_path: Path) -> None:
    text = """
[profiles.night]
lane = "marketing"
share = 0.3
quiet_hours = ["08:00-20:00 mon-fri Europe/Berlin"]
tenants = ["shop"]
[profiles.night.retry]
attempts = 3
ladder = ["1m", "10m"]
[profiles.plain]
"""
    profiles = {name: one.profile(name) for name, one in _load(_write(tmp_path, text)).settings.profiles.items()}
    assert profiles["plain"] == Profile(name="plain")
    night = profiles["night"]
    assert (night.lane, night.share, night.tenants, len(night.quiet_hours)) == ("marketing", 0.3, ("shop",), 1)
    assert night.retry == RetryStrategy(attempts=3, ladder=["1m", "10m"])


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("[profiles.night]\nshare = 0\n", "profiles.night.share", "greater than 0"),
        ("[profiles.night]\nshare = 1.1\n", "profiles.night.share", "less than or equal to 1"),
        ('[profiles.night]\nlane = "otp"\n', "profiles.night.lane", "'transactional' or 'marketing'"),
        ('[profiles.night]\nquiet_hours = ["8-20"]\n', "profiles.night.quiet_hours[0]", "no time of the day"),
        ('[profiles.night]\nquiet_hours = ["08:00-20:00 Europe/Berln"]\n', "profiles.night.quiet_hours[0]", "Europe/Berln"),
        ("[profiles.night]\nshaer = 0.3\n", "profiles.night.shaer", "did you mean share?"),
        ("[profiles.night.retry]\nattempts = 0\n", "profiles.night.retry", "attempts: 0 is not within 1 to 20"),
        ('[profiles.night.retry]\nladder = ["5m"]\n', "profiles.night.retry", "there is no step '5m'"),
        ("[profiles.Night]\n", "profiles.Night", "a..z, 0..9 and '-'"),
        ("[[profiles]]\nshare = 0.3\n", "profiles", "written [profiles.NAME]"),
    ],
)
def test_a_bad_profile_is_named(tmp_path: Path, text: str, place: str, says: str) -> None:
    file = _write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        _load(file)
    [fault] = caught.value.faults
    assert fault.startswith(f"{file}: {place}") and says in fault


def test_a_profile_that_the_database_has_otherwise_is_told_with_the_way_out() -> None:
    wanted, present = Profile(name="night", share=0.3), Profile(name="night", share=0.5, lane="marketing")
    assert profile_passed_over(wanted, wanted) is None
    assert profile_passed_over(wanted, present) == (
        "the profile 'night' stays as it is in the database; lane is None in the file, 'marketing' in force, "
        "share is 0.3 in the file, 0.5 in force; change it with `sluice profile set night`"
    )
