"""One number that a carrier refuses each time costs nobody else anything; a carrier that refuses everybody is waited for."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from itertools import count
from typing import Any

from connectors.carriers.contract import Accepted, NotSent, Result, Submit, Throttled
from connectors.dispatch import attempt_blocks
from connectors.dispatch.attempt_blocks import AttemptBlock
from connectors.dispatch.batch_outcomes import Outcome
from schemas.records.slice import Columns
from schemas.records.wire import Settled, Started
from schemas.values.call_outcome import CallOutcome
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason
from tests.support.dispatch.harness import SenderHarness
from tests.support.waiting import until

FIRST = 491510000000
FULL = "ESME_RMSGQFUL"


def throttling(harness: SenderHarness, refused: Callable[[Submit], bool]) -> list[str]:
    """The carrier refuses these for the moment; whom it took, in order."""
    taken: list[str] = []

    def answer(one: Submit) -> Result:
        if refused(one):
            return Throttled(ref=one.ref, code=FULL, sent_parts=one.first_part)
        taken.append(one.destination)
        return Accepted(ref=one.ref, ids=harness.carrier.ids(one))

    harness.carrier.answer = answer
    return taken


def add_singles(harness: SenderHarness, many: int, *, first: int = 0, **given: Any) -> None:
    for number in range(first, first + many):
        harness.add(
            1,
            chunk=f"chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_{number}",
            columns=Columns(to=array("Q", [FIRST + number]).tobytes(), variables={}, refs=None),
            **given,
        )


def outcomes(harness: SenderHarness) -> dict[tuple[str, str, str | None], int]:
    """How many messages ended with which outcome, `not_submitted` left out."""
    out: dict[tuple[str, str, str | None], int] = {}
    for record in harness.log.of(Settled):
        for verdict in record.verdicts:
            if verdict.outcome != "not_submitted":
                key = verdict.outcome, verdict.reason, verdict.code
                out[key] = out.get(key, 0) + verdict.positions.bit_count()
    return out


async def seconds_until(condition: Callable[[], object]) -> float:
    began = asyncio.get_running_loop().time()
    await until(condition, 20, pause=0.02)
    return asyncio.get_running_loop().time() - began


async def test_the_code_of_one_number_stops_no_other_code() -> None:
    harness = SenderHarness(Lane.OTP, rate=200, window=10)
    taken = throttling(harness, lambda one: one.destination == str(FIRST))
    add_singles(harness, 101)
    assert await seconds_until(lambda: len(taken) == 100) < 2
    assert taken == [str(FIRST + n) for n in range(1, 101)]
    assert outcomes(harness).get(("transient", "throttled", FULL), 0) == 0, "it is tried more than once"
    await until(lambda: ("transient", "throttled", FULL) in outcomes(harness))
    [record] = [record for record in harness.log.of(Settled) if record.rest is not None]
    assert record.rest.chunk.endswith("_0_0") and record.rest.send == 1
    assert len(harness.carrier.sent) < 100 + 12
    await until(lambda: harness.owned.offsets.committable(999)[0] == 101)


async def put_off(bad: set[int]) -> set[int]:
    """Who is put off of a campaign of 300 with these."""
    harness = SenderHarness(rate=400, window=50)
    taken = throttling(harness, lambda one: int(one.destination) - FIRST in bad)
    harness.add(300)
    assert await seconds_until(lambda: len(taken) == 300 - len(bad)) < 3, bad
    await until(lambda: set(harness.settled().values()) == {("sent", "none"), ("transient", "throttled")}, pause=0.1)
    assert len(set(taken)) == len(taken) == 300 - len(bad)
    return {p for p, cause in harness.settled().items() if cause == ("transient", "throttled")}


async def test_a_few_numbers_anywhere_in_a_campaign_cost_it_no_time() -> None:
    several = [{0}, {5, 6, 150}, set(range(12)), set(range(3, 300, 10))]
    assert await asyncio.gather(*[put_off(bad) for bad in several]) == several


async def test_one_submit_in_twenty_refused_costs_the_others_no_time() -> None:
    harness = SenderHarness(rate=2000, window=50)
    asked = count(1)
    taken = throttling(harness, lambda _: next(asked) % 20 == 0)
    for number in range(6):
        harness.add(200, chunk=f"chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_{number}")
    took = await seconds_until(lambda: len(taken) == 1200)
    assert 0.6 <= took < 1.2, "as the rate allows; half a second for each refusal would be 30"


async def test_a_number_that_was_full_for_a_moment_gets_its_message() -> None:
    harness = SenderHarness(Lane.OTP, rate=200, window=10)
    tries = 0

    def refused(one: Submit) -> bool:
        nonlocal tries
        tries += one.destination == str(FIRST)
        return one.destination == str(FIRST) and tries < 4

    taken = throttling(harness, refused)
    add_singles(harness, 50)
    await until(lambda: len(taken) == 50)
    assert outcomes(harness) == {} or set(outcomes(harness)) == {("sent", "none", None)}


async def test_a_carrier_that_refuses_everybody_goes_on_in_order_and_nothing_is_put_off() -> None:
    harness = SenderHarness(rate=200, window=20)
    closed = False
    taken = throttling(harness, lambda _: closed)
    harness.add(200)
    await until(lambda: len(taken) >= 40)
    closed, before, sent = True, len(taken), len(harness.carrier.sent)
    await until(lambda: len(harness.carrier.sent) - sent > 25)
    assert len(taken) == before
    assert len(harness.carrier.sent) - sent < 100, "it is slowed"
    closed = False
    await until(lambda: len(taken) == 200)
    assert outcomes(harness).keys() <= {("sent", "none", None)}
    numbers = [int(one) - FIRST for one in taken]
    displaced = [abs(place - number) for place, number in enumerate(numbers)]
    assert max(displaced) <= 30 and sum(one > 10 for one in displaced) <= 3, "order is kept but for those that were asked"


async def test_singles_refused_together_keep_their_order() -> None:
    harness = SenderHarness(Lane.OTP, rate=100, window=10)
    closed = True
    asked: list[str] = []

    def refused(one: Submit) -> bool:
        asked.append(one.destination)
        return closed

    taken = throttling(harness, refused)
    add_singles(harness, 6)
    await until(lambda: len(set(asked)) == 6 and not harness.carrier.open)
    closed = False
    await until(lambda: len(taken) == 6)
    assert taken[1:] == sorted(taken[1:])


async def test_a_carrier_at_half_the_contract_slows_down_and_nothing_is_put_off() -> None:
    harness = SenderHarness(rate=400, window=50)
    loop = asyncio.get_running_loop()
    tokens, at = 10.0, loop.time()

    def refused(_: Submit) -> bool:
        nonlocal tokens, at
        now = loop.time()
        tokens, at = min(20.0, tokens + 200 * (now - at)), now
        tokens -= tokens >= 1 and 1
        return tokens < 1

    taken = throttling(harness, refused)
    harness.add(300)
    assert await seconds_until(lambda: len(taken) == 300) < 8
    assert outcomes(harness).keys() <= {("sent", "none", None)}
    assert len(harness.carrier.sent) < 550, "it is slowed"


async def test_every_twentieth_costs_itself_alone() -> None:
    harness = SenderHarness(rate=400, window=50)
    count = 0

    def refused(_: Submit) -> bool:
        nonlocal count
        count += 1
        return count % 20 == 0

    taken = throttling(harness, refused)
    harness.add(300)
    assert await seconds_until(lambda: len(taken) == 300) < 2
    assert outcomes(harness).keys() <= {("sent", "none", None)}


async def test_a_message_refused_between_its_segments_stops_no_other_and_is_completed_later() -> None:
    harness = SenderHarness(Lane.OTP, rate=200, window=10)
    full = True
    taken = throttling(harness, lambda one: full and one.first_part == 1 and one.destination == str(FIRST))
    add_singles(harness, 1, body="x" * 400, segments=b"\x03")
    add_singles(harness, 100, first=1)
    assert await seconds_until(lambda: len(set(taken)) == 101) < 2
    tries = sum(one.first_part == 1 for one in harness.carrier.sent)
    assert tries < 10
    full = False
    await until(lambda: outcomes(harness) == {("sent", "none", None): 101})
    assert len(harness.log.of(Started)) == 101
    [record] = [record for record in harness.log.of(Settled) if record.ids.count(",") == 2]
    assert record.chunk.endswith("_0_0")


async def test_segments_that_are_refused_for_long_are_given_up() -> None:
    full = Throttled(ref=0, code=FULL, sent_parts=1)
    block = AttemptBlock(1, SenderHarness().add(1, body="x" * 400, segments=b"\x03"), [0])
    block.ids[0] = ("a",)
    assert block.progress(0, full, (), put_off_at=100.0) == 1
    assert block.progress(0, full, (), put_off_at=100.0 + attempt_blocks.SEGMENT_PATIENCE) == 1
    assert block.progress(0, full, (), put_off_at=101.0 + attempt_blocks.SEGMENT_PATIENCE) == Outcome(
        outcome=CallOutcome.PARTIAL, reason=Reason.PARTIAL, code=FULL, ids=("a",)
    )


async def test_lost_bytes_are_no_word_of_the_carrier() -> None:
    harness, lost = SenderHarness(rate=200, window=10), set[str]()

    def answer(one: Submit) -> Result:
        if one.destination not in lost:
            lost.add(one.destination)
            return NotSent(ref=one.ref)
        return Accepted(ref=one.ref, ids=harness.carrier.ids(one))

    harness.carrier.answer = answer
    harness.add(20)
    await until(lambda: list(harness.settled().values()) == 20 * [("sent", "none")])
    assert harness.sender.brake.factor == 1.0 and harness.sender.brake.until == 0.0
