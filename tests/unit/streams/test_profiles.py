"""What intake keeps of a profile: its quiet hours beside the tenant's, and that releasers alone give of its share."""

from __future__ import annotations

import pytest

from schemas.rules.may_go import hours_rules
from schemas.rules.timetable import next_opening
from schemas.values.profile import Profile
from schemas.values.window import EVERY_DAY, Window
from tests.support.streams.fakes import NOW, TENANT, CarrierFact, FakePorts, TenantFact, numbers, slice_of
from tests.support.streams.outputs import dispatched, held
from tests.support.streams.runs import run_intake

MINUTE = NOW // 60_000 % (24 * 60)


def around(before: int, after: int) -> Window:
    """Quiet from so many minutes before now to so many after it."""
    return Window(opens=(MINUTE - before) % 1440, closes=(MINUTE + after) % 1440, days=EVERY_DAY, timezone="UTC")


@pytest.fixture
def fakes() -> FakePorts:
    made = FakePorts(profiles={"night": Profile(name="night", quiet_hours=(around(5, 60),))})
    made.run()
    return made


async def test_what_is_sent_under_a_profile_waits_for_its_quiet_hours_and_nothing_else_does(fakes: FakePorts) -> None:
    [row] = held(await run_intake(fakes, slice_of(numbers(3), profile="night")))
    assert row.reason == "closed_hours" and row.slice.profile == "night"
    assert 59 * 60_000 <= row.not_before - NOW <= 60 * 60_000
    assert len(dispatched(await run_intake(fakes, slice_of(numbers(3), chunk="chk_b")))) == 1


async def test_the_strictest_of_the_tenants_and_the_profiles_hours_holds(fakes: FakePorts) -> None:
    fakes.tenants = {TENANT: TenantFact(quiet_hours={"marketing": (around(-30, 180),)})}
    [row] = held(await run_intake(fakes, slice_of(numbers(1), profile="night")))
    both = hours_rules(((around(5, 60), False), (around(-30, 180), False)), ())
    assert row.not_before == next_opening(both, NOW).opens_at >= NOW + 179 * 60_000


async def test_codes_never_wait_for_hours(fakes: FakePorts) -> None:
    assert held(await run_intake(fakes, slice_of(numbers(1), lane="otp", campaign=None, profile="night"))) == []


async def test_under_a_profile_that_was_removed_only_the_tenants_hours_hold(fakes: FakePorts) -> None:
    fakes.profiles = {}
    [going] = dispatched(await run_intake(fakes, slice_of(numbers(1), profile="night")))
    assert going.profile == "night"


async def test_under_a_share_everything_waits_for_the_releaser_and_no_room_is_asked_for(fakes: FakePorts) -> None:
    fakes.profiles = {"slow": Profile(name="slow", share=0.3)}
    outputs = await run_intake(fakes, slice_of(numbers(3), profile="slow"))
    [row] = held(outputs)
    assert (row.reason, row.slice.profile, row.slice.carrier) == ("share", "slow", "acme") and dispatched(outputs) == []
    assert fakes.granted == {}, "whoever waits takes nobody's room"
    fakes.carriers = {"acme": CarrierFact(rate=0)}
    [row] = held(await run_intake(fakes, slice_of(numbers(3), profile="slow", chunk="chk_b")))
    assert row.reason == "carrier_stopped"


async def test_codes_wait_for_no_share(fakes: FakePorts) -> None:
    fakes.profiles = {"slow": Profile(name="slow", share=0.3)}
    assert len(dispatched(await run_intake(fakes, slice_of(numbers(1), lane="otp", campaign=None, profile="slow")))) == 1


@pytest.mark.parametrize("share", [None, 1.0])
async def test_without_a_share_it_goes_at_once(fakes: FakePorts, share: float | None) -> None:
    fakes.profiles = {"slow": Profile(name="slow", share=share)}
    assert len(dispatched(await run_intake(fakes, slice_of(numbers(3), profile="slow")))) == 1
