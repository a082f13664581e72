"""Codes that no table lists: a dead letter each at first, then nothing but probes until the carrier's codes are known."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from connectors.carriers.contract import Accepted, Refused, Result, Submit, Throttled, Unknown
from connectors.dispatch.code_brake import IN_A_ROW, MOST, OF_LAST, PROBE_SECONDS, PROBES, CodeBrake, CodeBrakeLog
from infra.telemetry.metrics import Metrics
from schemas.values.reasons import Reason
from tests.support.dispatch.harness import SenderHarness
from tests.support.waiting import turns, until

CODE = "0x00000401"
UNLISTED, KNOWN = Refused(ref=1, code=CODE, klass="unknown"), Accepted(ref=1, ids=("1",))


def _unlisted(one: Submit) -> Result:
    return Refused(ref=one.ref, code=CODE, klass="unknown")


async def _pass(seconds: float) -> None:
    """The virtual clock goes on so far."""
    end = asyncio.get_running_loop().time() + seconds
    await until(lambda: asyncio.get_running_loop().time() >= end, seconds + 10)


def _sent(harness: SenderHarness) -> int:
    return len(harness.carrier.sent)


def test_twenty_in_a_row_hold_the_carrier_back_and_nineteen_do_not() -> None:
    brake = CodeBrake()
    for _ in range(2):
        brake.record([UNLISTED] * (IN_A_ROW - 1), 0.0)
        assert not brake.held_back and brake.may_start(in_flight=True, now=0.0) is None
        brake.record([KNOWN], 0.0)
    brake.record([UNLISTED] * IN_A_ROW, 0.0)
    assert brake.held_back and (brake.code, brake.unlisted) == (CODE, 3 * IN_A_ROW - 2)


@given(st.lists(st.sampled_from([UNLISTED, KNOWN, Throttled(ref=1, code="ESME_RTHROTTLED"), Unknown(ref=1)]), max_size=600))
def test_it_holds_back_exactly_from_the_bounds_on(results: list[Result]) -> None:
    brake, answers = CodeBrake(), list[bool]()
    for result in results:
        brake.record([result], 0.0)
        if not isinstance(result, Unknown):
            answers.append(result is UNLISTED)
        in_a_row = len(answers) >= IN_A_ROW and all(answers[-IN_A_ROW:])
        assert brake.held_back is (in_a_row or sum(answers[-OF_LAST:]) > MOST)
        if brake.held_back:
            break


def test_one_in_five_is_borne_and_one_in_four_is_not() -> None:
    borne, held = CodeBrake(), CodeBrake()
    for _ in range(2 * OF_LAST):
        borne.record([UNLISTED, *[KNOWN] * 4], 0.0)
        held.record([UNLISTED, *[KNOWN] * 3], 0.0)
    assert (borne.held_back, held.held_back) == (False, True)


def test_where_every_code_is_known_nothing_is_kept() -> None:
    brake = CodeBrake()
    brake.record([UNLISTED], 0.0)
    assert brake.watching
    brake.record([KNOWN] * OF_LAST, 0.0)
    assert not brake.watching


async def test_a_carrier_with_a_new_code_buries_no_more_than_what_was_in_flight() -> None:
    harness = SenderHarness(window=16)
    harness.carrier.answer = _unlisted
    harness.add(500)
    await until(lambda: harness.sender.code_brake.held_back)
    await turns(50)
    before = _sent(harness)
    assert IN_A_ROW <= before <= IN_A_ROW + 16
    await _pass(PROBE_SECONDS * 5 + 1)
    assert _sent(harness) == before + 5 * PROBES
    assert set(harness.settled().values()) == {("failed", Reason.CARRIER_UNKNOWN_ERROR)}
    assert len(harness.settled()) == _sent(harness)


async def test_probes_with_known_answers_let_everything_go_on() -> None:
    harness = SenderHarness(window=16)
    harness.carrier.answer = _unlisted
    harness.add(200)
    await until(lambda: harness.sender.code_brake.held_back)
    harness.carrier.answer = lambda one: Accepted(ref=one.ref, ids=harness.carrier.ids(one))
    await turns(50)
    before = _sent(harness)
    await _pass(PROBE_SECONDS - 1)
    assert _sent(harness) == before
    await _pass(2)
    assert not harness.sender.code_brake.held_back
    await until(lambda: _sent(harness) == 200)
    assert len(harness.settled()) == 200


async def test_a_probe_without_an_answer_says_nothing() -> None:
    harness = SenderHarness(window=16)
    harness.carrier.answer = _unlisted
    harness.add(100)
    await until(lambda: harness.sender.code_brake.held_back)
    await turns(50)
    before = _sent(harness)
    harness.carrier.answer = lambda one: None
    await _pass(PROBE_SECONDS * 3)
    assert _sent(harness) == before + PROBES and harness.sender.code_brake.held_back


@pytest.mark.parametrize("probes", [1, PROBES])
async def test_one_unlisted_probe_is_enough_to_wait_on(probes: int) -> None:
    harness = SenderHarness(window=16)
    harness.carrier.answer = _unlisted
    harness.add(IN_A_ROW, one_at_a_time=True)
    await until(lambda: harness.sender.code_brake.held_back)
    taken = 0

    def all_but_the_last(one: Submit) -> Result:
        nonlocal taken
        taken += 1
        return _unlisted(one) if taken == probes else Accepted(ref=one.ref, ids=harness.carrier.ids(one))

    harness.carrier.answer = all_but_the_last
    harness.add(probes, chunk="chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_1")
    await _pass(PROBE_SECONDS + 1)
    assert taken == probes and harness.sender.code_brake.held_back


async def test_what_is_held_back_ends_with_its_validity() -> None:
    harness = SenderHarness(window=16)
    harness.carrier.answer = _unlisted
    harness.add(100)
    await until(lambda: harness.sender.code_brake.held_back)
    await turns(50)
    before = _sent(harness)
    harness.end_reason = Reason.VALIDITY_ENDED
    harness.sender.sweep()
    await _pass(PROBE_SECONDS * 2)
    assert _sent(harness) == before


def test_it_is_said_once_when_it_begins_and_once_when_it_ends() -> None:
    metrics, brake = Metrics(), CodeBrake()
    said = CodeBrakeLog(metrics)
    brake.record([UNLISTED] * IN_A_ROW, 0.0)
    with capture_logs() as lines:
        said.report("acme", brake)
        said.report("acme", brake)
        assert b'sluice_carrier_held_back{carrier="acme"} 1.0' in metrics.render()
        brake.held_back = False
        said.report("acme", brake)
    assert b'sluice_carrier_held_back{carrier="acme"} 0.0' in metrics.render()
    assert [line["action"] for line in lines] == ["carrier_held_back", "carrier_goes_on"]
    assert (lines[0]["code"], lines[0]["dead_letters"]) == (CODE, IN_A_ROW)
