"""Answers that come after nobody waited for them any more: what they end, and what they leave alone."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.carriers.contract import Accepted, Refused, Result, Submit, Throttled, Unknown
from schemas.records.wire import Settled
from schemas.values.lanes import Lane
from tests.support.carriers import turns, until
from tests.support.dispatch.doubt import doubtful, first_unknown, late, said
from tests.support.dispatch.harness import Rig


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
    rig = Rig(Lane.MARKETING)
    rig.line.answer = lambda one: Unknown(ref=one.ref)
    rig.add(1)
    await until(lambda: said(rig) and rig.owned.offsets.committable(99)[0] == 1)
    ref = rig.line.sent[0].ref
    for _ in range(2):
        late(rig, type(result)(**{name: getattr(result, name) for name in result.__struct_fields__} | {"ref": ref}))
    await turns(20)
    assert said(rig) == [("uncertain", "answer_timeout"), expected]
    record = rig.log.of(Settled)[-1]
    assert record.ids == ("a" if expected[0] == "sent" else "")
    assert (record.rest is not None) == (expected[0] == "transient")
    assert len(rig.line.sent) == 1 and rig.owned.offsets.open_positions == 0


async def test_a_late_answer_to_one_of_a_block_leaves_the_others_alone() -> None:
    rig = Rig(Lane.MARKETING)
    rig.line.answer = lambda one: Unknown(ref=one.ref) if one.destination.endswith("0") else None
    rig.add(2)
    await until(lambda: said(rig))
    late(rig, Accepted(ref=rig.line.sent[0].ref, ids=("a",)))
    await turns(20)
    assert said(rig)[-1] == ("sent", "none")
    assert rig.owned.offsets.committable(99)[0] == 0, "position 1 has no answer"
    rig.line.answer = lambda one: Accepted(ref=one.ref, ids=("b",))
    rig.line.deliver()
    await until(lambda: rig.owned.offsets.committable(99)[0] == 1)


async def test_a_late_answer_before_the_second_went_out_ends_the_message() -> None:
    rig = Rig(Lane.OTP)

    def answer(one: Submit) -> Result:
        rig.line.window = 0
        return Unknown(ref=one.ref)

    rig.line.answer = answer
    load = rig.add(1)
    await until(lambda: rig.line.sent and load.waiting)
    late(rig, Accepted(ref=rig.line.sent[0].ref, ids=("a",)))
    await until(lambda: len(said(rig)) == 2)
    assert said(rig)[-1] == ("sent", "none") and rig.log.of(Settled)[-1].ids == "a"
    assert (load.waiting, load.flying, load.waiting_cost) == (0, 0, 0)
    await until(lambda: rig.owned.offsets.committable(99)[0] == 1)
    assert len(rig.line.sent) == 1


@pytest.mark.parametrize("klass", ["permanent", None])
async def test_a_late_answer_before_the_log_has_the_first_word_ends_the_message(klass: Any) -> None:
    rig = Rig(Lane.OTP)
    first_unknown(rig)
    rig.log.automatic = False
    rig.add(1)
    await until(lambda: rig.log.waiting)
    rig.log.acknowledge()
    await until(lambda: rig.log.of(Settled))
    ref = rig.line.sent[0].ref
    late(rig, Refused(ref=ref, code="X", klass=klass) if klass else Accepted(ref=ref, ids=("a",)))
    rig.log.automatic = True
    rig.log.acknowledge()
    await until(lambda: len(said(rig)) == 2)
    assert said(rig)[-1][0] == ("failed" if klass else "sent")
    await turns(20)
    assert len(rig.line.sent) == 1 and rig.owned.offsets.committable(99)[0] == 1


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
    rig = Rig(Lane.OTP)
    ref = await doubtful(rig)
    late(rig, Accepted(ref=ref, ids=("a",)))
    rig.line.answer = second
    rig.line.deliver()
    await until(lambda: len(said(rig)) == 2)
    await turns(20)
    assert said(rig) == [("unanswered", "answer_timeout"), ("sent", "none")]
    assert rig.log.of(Settled)[-1].ids == ids
    assert len(rig.line.sent) == 2 and rig.owned.offsets.committable(99)[0] == 1
    assert rig.sender.matcher._known.get("a") is not None, "a receipt may speak of the first"


async def test_refused_late_says_nothing_of_the_second() -> None:
    rig = Rig(Lane.OTP)
    ref = await doubtful(rig)
    late(rig, Refused(ref=ref, code="X", klass="permanent"))
    rig.line.answer = lambda one: Accepted(ref=one.ref, ids=("b",))
    rig.line.deliver()
    await until(lambda: len(said(rig)) == 2)
    assert said(rig)[-1] == ("sent", "none")


async def test_an_answer_to_the_first_behind_that_of_the_second_notes_nothing() -> None:
    rig = Rig(Lane.OTP)
    ref = await doubtful(rig)
    rig.line.answer = lambda one: Accepted(ref=one.ref, ids=("b",))
    rig.line.deliver()
    await until(lambda: len(said(rig)) == 2)
    late(rig, Refused(ref=ref, code="X", klass="permanent"))
    await turns(20)
    assert len(said(rig)) == 2


async def test_both_answers_late_are_noted_once() -> None:
    rig = Rig(Lane.OTP)
    rig.line.answer = lambda one: Unknown(ref=one.ref)
    rig.add(1)
    await until(lambda: len(said(rig)) == 2)
    for number, one in enumerate(rig.line.sent):
        late(rig, Accepted(ref=one.ref, ids=(f"{number}a",)))
    await turns(20)
    assert [outcome for outcome, _ in said(rig)] == ["unanswered", "uncertain", "sent"]


async def test_a_late_segment_in_the_middle_is_partial_where_nothing_more_goes_out() -> None:
    rig = Rig(Lane.MARKETING)
    rig.line.answer = lambda one: Unknown(ref=one.ref)
    rig.add(1, body="x" * 400, segments=b"\x03")
    await until(lambda: said(rig))
    late(rig, Accepted(ref=rig.line.sent[0].ref, ids=("a",)))
    await turns(20)
    assert said(rig)[-1] == ("partial", "partial") and rig.log.of(Settled)[-1].ids == "a"


async def test_a_late_answer_for_another_owners_message_is_not_noted() -> None:
    rig = Rig(Lane.MARKETING)
    rig.line.answer = lambda one: Unknown(ref=one.ref)
    rig.add(1)
    await until(lambda: said(rig))
    rig.owned.close()
    late(rig, Accepted(ref=rig.line.sent[0].ref, ids=("a",)))
    assert len(said(rig)) == 1


async def test_a_late_answer_while_its_destination_stands_back_ends_the_message() -> None:
    rig, benched = Rig(Lane.OTP), list[Any]()
    rig.sender._throttles.again = lambda _destination, back: benched.append(back)  # type: ignore[method-assign, assignment]
    first_unknown(rig)
    rig.add(1)
    await until(lambda: benched)
    late(rig, Accepted(ref=rig.line.sent[0].ref, ids=("a",)))
    benched[0]()
    await until(lambda: len(said(rig)) == 2)
    assert said(rig)[-1] == ("sent", "none") and len(rig.line.sent) == 1
    await until(lambda: rig.owned.offsets.committable(99)[0] == 1)
