"""A carrier at which work queues gets less, and finds its share; one whose answers are slow or uneven keeps its rate."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.carriers.contract import Accepted, Result, Submit
from connectors.dispatch.adaptive_rate import AdaptiveRate
from connectors.dispatch.answer_times import LOWEST, AnswerTimes
from schemas.values.lanes import Lane
from tests.support.dispatch.harness import SenderHarness
from tests.support.waiting import until

CONTRACT = 100
STEPS = 100
SECONDS, LEARNING_SECONDS = 50.0, 20.0


def use_of(capacity: float, window: int, seed: int, seconds: int = 400) -> tuple[float, float]:
    """(share of what the carrier can take that it was given, behind the first minute; its slowest second then)."""
    chance, times = random.Random(seed), AnswerTimes()
    waiting = taken = slowest = sent = answered = 0.0
    for second in range(seconds):
        answers = []
        for step in range(STEPS):
            went = min(CONTRACT * times.factor / STEPS, max(0.0, window - waiting))
            waiting += went
            sent += went
            took = 0.05 * chance.uniform(0.8, 1.6) + waiting / capacity
            answers.append(took)
            served = min(waiting, capacity / STEPS)
            answered += served
            times.on_sent(int(sent) - int(sent - went))
            times.record(took, second + step / STEPS, int(answered) - int(answered - served))
            waiting -= served
            taken += served if second >= 60 else 0.0
        slowest = max(slowest, sum(answers) / STEPS) if second >= 60 else 0.0
    return taken / (seconds - 60) / min(capacity, CONTRACT), slowest


@pytest.mark.parametrize("capacity", [30, 60, 80, 95])
@pytest.mark.parametrize("window", [20, 100, 500])
def test_a_carrier_that_takes_less_is_used_and_does_not_queue(capacity: int, window: int) -> None:
    use, slowest = use_of(capacity, window, seed=window + capacity)
    assert use >= 0.9 and slowest < 4, (use, slowest)


@given(st.integers(0, 2**32))
def test_uneven_answers_cost_no_rate(seed: int) -> None:
    """Half of the answers within 120 ms, one in a hundred after seconds."""
    chance, times = random.Random(seed), AnswerTimes()
    shares = []
    for number in range(6000):
        times.record(0.05 + chance.lognormvariate(-2.6, 1.2), number / 20)
        shares.append(times.factor)
    assert sum(shares) / len(shares) >= 0.95


def test_a_carrier_that_has_become_slow_for_good_gets_its_rate_again() -> None:
    times = AnswerTimes()
    for number in range(1000):
        times.record(0.05, number / 10)
    shares = []
    for number in range(1000, 4000):
        times.record(0.8, number / 10)
        shares.append(times.factor)
    assert min(shares) == pytest.approx(LOWEST, abs=0.03) and shares[-1] == 1.0
    assert times.fault == ""


def test_it_says_why() -> None:
    times = AnswerTimes()
    for number in range(100):
        times.record(0.05 if number < 30 else 1.5, number / 10)
    assert times.factor < 1 and times.fault == "answers take 1.5 s, and 0.05 s at best"


def test_codes_keep_the_rate() -> None:
    rate = AdaptiveRate()
    for number in range(100):
        rate.answer_times.record(0.05 if number < 30 else 1.5, number / 10)
    assert rate.pace(100) == 100 and rate.pace(100, patient=True) == pytest.approx(100 * rate.factor) and rate.factor < 0.8


def serve(harness: SenderHarness, a_second: float) -> None:
    """The carrier answers one after the other, so many in a second."""
    due: dict[int, float] = {}
    free = [0.0]

    def answer(one: Submit) -> Result | None:
        loop = asyncio.get_running_loop()
        if one.ref not in due:
            due[one.ref] = free[0] = max(loop.time(), free[0]) + 1 / a_second
            loop.call_at(free[0] + 0.001, harness.carrier.deliver)
        return Accepted(ref=one.ref, ids=harness.carrier.ids(one)) if loop.time() >= due[one.ref] else None

    harness.carrier.answer = answer


@pytest.mark.parametrize(("lane", "slowed"), [(Lane.MARKETING, True), (Lane.OTP, False)])
async def test_the_sender_follows_its_answers(lane: Lane, slowed: bool) -> None:
    harness = SenderHarness(lane, rate=100, window=1000)
    serve(harness, 60)
    for chunk in range(12):
        harness.add(500, chunk=f"chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_{chunk}")
    loop = asyncio.get_running_loop()
    begin = loop.time() + LEARNING_SECONDS
    await until(lambda: loop.time() > begin, 2 * SECONDS, pause=0.5)
    before = len(harness.carrier.sent) - len(harness.carrier.open)
    await until(lambda: loop.time() > begin + SECONDS, 2 * SECONDS, pause=0.5)
    queued = len(harness.carrier.open)
    assert (harness.sender.brake.factor < 0.8, queued < 120) == (slowed, slowed), (harness.sender.brake.factor, queued)
    assert (len(harness.carrier.sent) - queued - before) / SECONDS >= 54
