"""Answers that come after nobody waited for them any more: what they end, and what they leave alone."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.carriers.contract import Accepted, Refused, Result, Submit, Throttled, Unknown
from schemas.records.wire import Settled
from schemas.values.lanes import Lane
from tests.support.dispatch.harness import SenderHarness
from tests.support.dispatch.unanswered import both_unanswered, first_unknown, late, outcomes_logged
from tests.support.waiting import turns, until


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Accepted(ref=0, ids=("a",)), ("sent", "none")),
        (Refused(ref=0, code="X", klass="permanent"), ("failed", "carrier_permanent")),
        (Refused(ref=0, code="X", klass="transient"), ("transient", "carrier_transient")),
        (Throttled(ref=0, code="X"), ("transient", "throttled")),
    ],
)
async def test_a_late_answer_settles_what_is_uncertain_for_good(result: Any, expected: tuple[str, str]) -> None:
    harness = SenderHarness(Lane.MARKETING)
    harness.carrier.answer = lambda one: Unknown(ref=one.ref)
    harness.add(1)
    await until(lambda: outcomes_logged(harness) and harness.owned.offsets.committable(99)[0] == 1)
    ref = harness.carrier.sent[0].ref
    for _ in range(2):
        late(harness, type(result)(**{name: getattr(result, name) for name in result.__struct_fields__} | {"ref": ref}))
    await turns(20)
    assert outcomes_logged(harness) == [("uncertain", "answer_timeout"), expected]
    record = harness.log.of(Settled)[-1]
    assert record.ids == ("a" if expected[0] == "sent" else "")
    assert (record.rest is not None) == (expected[0] == "transient")
    assert len(harness.carrier.sent) == 1 and harness.owned.offsets.open_positions == 0


async def test_a_late_answer_to_one_of_a_block_leaves_the_others_alone() -> None:
    harness = SenderHarness(Lane.MARKETING)
    harness.carrier.answer = lambda one: Unknown(ref=one.ref) if one.destination.endswith("0") else None
    harness.add(2)
    await until(lambda: outcomes_logged(harness))
    late(harness, Accepted(ref=harness.carrier.sent[0].ref, ids=("a",)))
    await turns(20)
    assert outcomes_logged(harness)[-1] == ("sent", "none")
    assert harness.owned.offsets.committable(99)[0] == 0, "position 1 has no answer"
    harness.carrier.answer = lambda one: Accepted(ref=one.ref, ids=("b",))
    harness.carrier.deliver()
    await until(lambda: harness.owned.offsets.committable(99)[0] == 1)


async def test_a_late_answer_before_the_second_went_out_ends_the_message() -> None:
    harness = SenderHarness(Lane.OTP)

    def answer(one: Submit) -> Result:
        harness.carrier.window = 0
        return Unknown(ref=one.ref)

    harness.carrier.answer = answer
    batch = harness.add(1)
    await until(lambda: harness.carrier.sent and batch.waiting)
    late(harness, Accepted(ref=harness.carrier.sent[0].ref, ids=("a",)))
    await until(lambda: len(outcomes_logged(harness)) == 2)
    assert outcomes_logged(harness)[-1] == ("sent", "none") and harness.log.of(Settled)[-1].ids == "a"
    assert (batch.waiting, batch.in_flight, batch.waiting_cost) == (0, 0, 0)
    await until(lambda: harness.owned.offsets.committable(99)[0] == 1)
    assert len(harness.carrier.sent) == 1


@pytest.mark.parametrize("klass", ["permanent", None])
async def test_a_late_answer_before_the_log_has_the_first_word_ends_the_message(klass: Any) -> None:
    harness = SenderHarness(Lane.OTP)
    first_unknown(harness)
    harness.log.automatic = False
    harness.add(1)
    await until(lambda: harness.log.waiting)
    harness.log.acknowledge()
    await until(lambda: harness.log.of(Settled))
    ref = harness.carrier.sent[0].ref
    late(harness, Refused(ref=ref, code="X", klass=klass) if klass else Accepted(ref=ref, ids=("a",)))
    harness.log.automatic = True
    harness.log.acknowledge()
    await until(lambda: len(outcomes_logged(harness)) == 2)
    assert outcomes_logged(harness)[-1][0] == ("failed" if klass else "sent")
    await turns(20)
    assert len(harness.carrier.sent) == 1 and harness.owned.offsets.committable(99)[0] == 1


@pytest.mark.parametrize(
    ("second", "ids"),
    [
        (lambda one: Accepted(ref=one.ref, ids=("b",)), "a,b"),
        (lambda one: Refused(ref=one.ref, code="X", klass="permanent"), "a"),
        (lambda one: Unknown(ref=one.ref), "a"),
        (lambda one: Throttled(ref=one.ref, code="X"), "a"),
    ],
)
async def test_taken_late_wins_over_whatever_the_second_brings(second: Any, ids: str) -> None:
    harness = SenderHarness(Lane.OTP)
    ref = await both_unanswered(harness)
    late(harness, Accepted(ref=ref, ids=("a",)))
    harness.carrier.answer = second
    harness.carrier.deliver()
    await until(lambda: len(outcomes_logged(harness)) == 2)
    await turns(20)
    assert outcomes_logged(harness) == [("unanswered", "answer_timeout"), ("sent", "none")]
    assert harness.log.of(Settled)[-1].ids == ids
    assert len(harness.carrier.sent) == 2 and harness.owned.offsets.committable(99)[0] == 1
    assert harness.sender.matcher._known.get("a") is not None, "a receipt may speak of the first"


async def test_refused_late_says_nothing_of_the_second() -> None:
    harness = SenderHarness(Lane.OTP)
    ref = await both_unanswered(harness)
    late(harness, Refused(ref=ref, code="X", klass="permanent"))
    harness.carrier.answer = lambda one: Accepted(ref=one.ref, ids=("b",))
    harness.carrier.deliver()
    await until(lambda: len(outcomes_logged(harness)) == 2)
    assert outcomes_logged(harness)[-1] == ("sent", "none")


async def test_an_answer_to_the_first_behind_that_of_the_second_notes_nothing() -> None:
    harness = SenderHarness(Lane.OTP)
    ref = await both_unanswered(harness)
    harness.carrier.answer = lambda one: Accepted(ref=one.ref, ids=("b",))
    harness.carrier.deliver()
    await until(lambda: len(outcomes_logged(harness)) == 2)
    late(harness, Refused(ref=ref, code="X", klass="permanent"))
    await turns(20)
    assert len(outcomes_logged(harness)) == 2


async def test_both_answers_late_are_noted_once() -> None:
    harness = SenderHarness(Lane.OTP)
    harness.carrier.answer = lambda one: Unknown(ref=one.ref)
    harness.add(1)
    await until(lambda: len(outcomes_logged(harness)) == 2)
    for number, one in enumerate(harness.carrier.sent):
        late(harness, Accepted(ref=one.ref, ids=(f"{number}a",)))
    await turns(20)
    assert [outcome for outcome, _ in outcomes_logged(harness)] == ["unanswered", "uncertain", "sent"]


async def test_a_late_segment_in_the_middle_is_partial_where_nothing_more_goes_out() -> None:
    harness = SenderHarness(Lane.MARKETING)
    harness.carrier.answer = lambda one: Unknown(ref=one.ref)
    harness.add(1, body="x" * 400, segments=b"\x03")
    await until(lambda: outcomes_logged(harness))
    late(harness, Accepted(ref=harness.carrier.sent[0].ref, ids=("a",)))
    await turns(20)
    assert outcomes_logged(harness)[-1] == ("partial", "partial") and harness.log.of(Settled)[-1].ids == "a"


async def test_a_late_answer_for_another_owners_message_is_not_noted() -> None:
    harness = SenderHarness(Lane.MARKETING)
    harness.carrier.answer = lambda one: Unknown(ref=one.ref)
    harness.add(1)
    await until(lambda: outcomes_logged(harness))
    harness.owned.close()
    late(harness, Accepted(ref=harness.carrier.sent[0].ref, ids=("a",)))
    assert len(outcomes_logged(harness)) == 1


async def test_a_late_answer_while_its_destination_stands_back_ends_the_message() -> None:
    harness, benched = SenderHarness(Lane.OTP), list[Any]()
    harness.sender._results.throttles.retry = lambda _destination, back: benched.append(back)  # type: ignore[method-assign, assignment]
    first_unknown(harness)
    harness.add(1)
    await until(lambda: benched)
    late(harness, Accepted(ref=harness.carrier.sent[0].ref, ids=("a",)))
    benched[0]()
    await until(lambda: len(outcomes_logged(harness)) == 2)
    assert outcomes_logged(harness)[-1] == ("sent", "none") and len(harness.carrier.sent) == 1
    await until(lambda: harness.owned.offsets.committable(99)[0] == 1)
