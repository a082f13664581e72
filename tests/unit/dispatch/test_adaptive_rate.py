"""The pace of a carrier follows what it takes: down when it throttles, up when it accepts."""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dispatch.adaptive_rate import AdaptiveRate
from connectors.simulator.rules import Rules
from connectors.simulator.script import Script


class Trial:
    """A sender at the pace that the rule allows, against a carrier that answers a moment later. `answers`: (when it was
    sent, whether it was taken)."""

    def __init__(self, contract: float, round_trip: float, takes: Callable[[float], bool]) -> None:
        self.rate, self.answers = AdaptiveRate(), list[tuple[float, bool]]()
        self._contract, self._round_trip, self._takes = contract, round_trip, takes
        self._flying: deque[tuple[float, bool]] = deque()
        self._now = self._due = 0.0

    def run(self, seconds: float) -> None:
        end = self._now + seconds
        while self._now < end:
            self._now += 0.002
            if self._now >= self.rate.until:
                self._due = min(self._due + 0.002 * self.rate.pace(self._contract), max(1.0, 0.05 * self._contract))
            while self._due >= 1:
                self._due -= 1
                self._flying.append((self._now, self._takes(self._now)))
            self._answer()

    def _answer(self) -> None:
        came = []
        while self._flying and self._flying[0][0] + self._round_trip <= self._now:
            came.append(self._flying.popleft())
        if came:
            taken = sum(taken for _, taken in came)
            self.rate.record_answers(taken, len(came) - taken, None, self._now)
            self.answers += came

    def since(self, start: float) -> tuple[float, float]:
        """(taken a second, share that was throttled) from then on."""
        late = [taken for at, taken in self.answers if at >= start]
        return sum(late) / (self._now - start), 1 - sum(late) / len(late)


def simulator(script: Script) -> Callable[[float], bool]:
    """The scripted simulator's own rules, with the time passed in."""
    rules, count = Rules(script), itertools.count(1)
    return lambda now: rules.judge(next(count), "4915112345678", now).status == 0


@pytest.mark.parametrize("contract", [50, 400, 2000])
@pytest.mark.parametrize("round_trip", [0.005, 0.08])
def test_a_carrier_that_takes_sixty_percent_gets_that_and_hardly_more(contract: float, round_trip: float) -> None:
    trial = Trial(contract, round_trip, simulator(Script(rate=0.6 * contract)))
    trial.run(30)
    taken, throttled = trial.since(10)
    assert taken >= 0.9 * 0.6 * contract and throttled < 0.05, (taken, throttled)


@pytest.mark.parametrize("contract", [50, 400, 2000])
def test_throttling_every_twentieth_costs_itself_alone(contract: float) -> None:
    trial = Trial(contract, 0.02, simulator(Script(throttle_every=20)))
    trial.run(30)
    assert trial.since(0)[0] >= 0.9 * contract
    assert trial.rate.factor == 1.0 and trial.rate.until == 0.0


def test_it_finds_out_when_the_carrier_takes_more_again() -> None:
    room = [240.0]
    bucket, at = [10.0], [0.0]

    def takes(now: float) -> bool:
        bucket[0], at[0] = min(20.0, bucket[0] + room[0] * (now - at[0])), now
        if bucket[0] < 1:
            return False
        bucket[0] -= 1
        return True

    trial = Trial(400, 0.02, takes)
    trial.run(10)
    assert 0.5 < trial.rate.factor < 0.7
    room[0] = 500.0
    trial.run(10)
    assert trial.rate.factor == 1.0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.floats(0, 1)), max_size=100), st.integers(0, 2**32))
def test_the_pace_is_never_beyond_the_contract_nor_nothing_and_comes_back(
    steps: list[tuple[int, int, float]], seed: int
) -> None:
    rate, now = AdaptiveRate(), 0.0
    for taken, throttled, pause in steps:
        before = rate.factor
        now += pause
        rate.record_answers(taken, throttled, None, now)
        assert AdaptiveRate.LOWEST <= rate.factor <= 1.0
        assert rate.factor >= before * AdaptiveRate.CUT * 0.999 or rate.factor == AdaptiveRate.LOWEST
        assert rate.until <= now + AdaptiveRate.LONGEST_PAUSE
    chance = random.Random(seed)
    for _ in range(200):
        now += 0.11
        rate.record_answers(chance.randrange(20, 40), 0, None, now)
    assert rate.factor == 1.0


def test_a_few_throttles_slow_nothing_down() -> None:
    brake = AdaptiveRate()
    for n in range(100):
        brake.record_answers(19, 1, None, n * 0.05)
    assert brake.factor == 1.0 and brake.until == 0.0


def test_many_throttles_slow_down_and_success_speeds_up_again() -> None:
    brake = AdaptiveRate()
    for n in range(10):
        brake.record_answers(10, 10, None, n * 0.11)
    low = brake.factor
    for n in range(10, 40):
        brake.record_answers(20, 0, None, n * 0.11)
    assert low < 0.1 and brake.factor == 1.0


def test_nothing_but_throttles_is_a_pause_that_grows_and_ends() -> None:
    brake = AdaptiveRate()
    brake.record_answers(0, 5, None, 1.0)
    assert brake.until == 1.05
    brake.record_answers(0, 5, None, 2.0)
    assert brake.until == 2.1
    for n in range(5):
        brake.record_answers(0, 1, None, 3.0 + n)
    assert brake.until <= 7.21
    brake.record_answers(1, 0, None, 9.0)
    brake.record_answers(0, 1, None, 10.0)
    assert brake.until == 10.05


def test_a_carrier_that_took_nobody_has_its_pace_again_when_it_takes_somebody() -> None:
    brake = AdaptiveRate()
    for n in range(30):
        brake.record_answers(0, 2, None, n * 0.2)
    assert brake.factor < 0.05
    brake.record_answers(1, 0, None, 6.0)
    assert (brake.factor, brake.accepts_nothing) == (0.7, False)
    for n in range(4):
        brake.record_answers(5, 0, None, 6.2 + n * 0.11)
    assert brake.factor == 1.0


def test_a_slow_carrier_is_asked_a_few_times_a_second_whatever_it_says() -> None:
    brake = AdaptiveRate()
    for n in range(60):
        brake.record_answers(0, 2, None, n * 0.2)
    assert (brake.pace(1000), brake.pace(50), brake.pace(2)) == (20, 5, 2)


def test_slow_answers_of_which_half_are_throttles_slow_down() -> None:
    brake = AdaptiveRate()
    for n in range(40):
        brake.record_answers(n % 2, 1 - n % 2, None, n * 0.2)
    assert brake.factor < 0.1


def test_the_carriers_own_word_is_obeyed() -> None:
    brake = AdaptiveRate()
    brake.record_answers(5, 1, 3.0, 1.0)
    assert brake.until == 4.0
