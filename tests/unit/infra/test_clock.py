"""A clock that is put forward is doubted for five minutes; one that is put back is believed."""

from __future__ import annotations

from infra.runtime.clock import DOUBT_MS, GuardedClock

HOUR = 3_600_000


class Clocks:
    def __init__(self) -> None:
        self.wall, self.steady = 10 * HOUR, 0

    def pass_(self, milliseconds: int) -> None:
        self.wall += milliseconds
        self.steady += milliseconds

    def guarded(self) -> GuardedClock:
        return GuardedClock(lambda: self.wall, lambda: self.steady)


def test_time_runs_on_over_a_leap_and_follows_it_after_five_minutes() -> None:
    clocks = Clocks()
    clock = clocks.guarded()
    clocks.pass_(1000)
    assert clock.now() == 10 * HOUR + 1000
    clocks.wall += HOUR
    assert clock.now() == 10 * HOUR + 1000
    clocks.pass_(DOUBT_MS - 1)
    assert clock.now() == 10 * HOUR + 1000 + DOUBT_MS - 1
    clocks.pass_(1)
    assert clock.now() == clocks.wall
    clocks.wall += HOUR
    assert clock.now() == clocks.wall - HOUR


def test_a_leap_that_is_taken_back_changes_nothing() -> None:
    clocks = Clocks()
    clock = clocks.guarded()
    clocks.wall += HOUR
    clock.now()
    clocks.pass_(DOUBT_MS // 2)
    clocks.wall -= HOUR
    assert clock.now() == clocks.wall
    clocks.pass_(DOUBT_MS)
    clocks.wall += HOUR
    assert clock.now() == clocks.wall - HOUR


def test_small_corrections_and_a_clock_put_back_are_believed() -> None:
    clocks = Clocks()
    clock = clocks.guarded()
    for step in (5_000, 5_000, 5_000, -HOUR, 4_000):
        clocks.wall += step
        assert clock.now() == clocks.wall
