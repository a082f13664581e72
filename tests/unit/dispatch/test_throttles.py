"""What is refused in one batch of results is not held against the carrier with the next ones."""

from __future__ import annotations

from connectors.carriers.contract import Accepted, Refused, Result, Unknown
from connectors.dispatch.breaker import RATIO_CALLS, UNANSWERED
from connectors.dispatch.throttles import Throttles
from schemas.rules.carrier_health import BreakerState

TRANSIENT = Refused(ref=0, code="ESME_RSYSERR", klass="transient")
SILENT = Unknown(ref=0, lost=False)
TAKEN = Accepted(ref=0, ids=("1",))


def hear(throttles: Throttles, *results: Result) -> None:
    throttles.begin_results({}, list(results))
    for result in results:
        if result is not TAKEN:
            throttles.classify(491511234567, result, list(results))
    throttles.end_results(len(results))


async def test_a_refusal_now_and_then_never_opens_the_breaker() -> None:
    throttles = Throttles(lambda: None)
    for _ in range(10):
        hear(throttles, TRANSIENT, *[TAKEN] * 9)
        for _ in range(RATIO_CALLS):
            hear(throttles, *[TAKEN] * 3)
    assert throttles.breaker.state is BreakerState.CLOSED


async def test_an_answer_that_stayed_out_is_counted_once() -> None:
    throttles = Throttles(lambda: None)
    hear(throttles, SILENT, TAKEN)
    for _ in range(2 * UNANSWERED):
        hear(throttles, TAKEN)
    states = [throttles.breaker.state]
    for _ in range(UNANSWERED):
        hear(throttles, SILENT)
    states.append(throttles.breaker.state)
    assert states == [BreakerState.CLOSED, BreakerState.OPEN]
