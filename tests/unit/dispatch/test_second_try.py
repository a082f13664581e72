"""Messages whose answer did not come: otp and transactional go once more, marketing never; answers that come after all."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.carriers.contract import Accepted, NotSent, Refused, Result, Submit, Throttled, Unknown
from schemas.lanes import Lane
from schemas.reasons import Reason
from schemas.records import Returned, Settled, Started
from tests.support.carriers import turns, until
from tests.unit.dispatch.rig import Rig


def said(rig: Rig) -> list[tuple[str, str]]:
    """What the log says of position 0, in order."""
    return [(v.outcome, v.reason) for record in rig.log.of(Settled) for v in record.verdicts if v.positions & 1]


def first_unknown(rig: Rig, *, lost: bool = False) -> None:
    """The first submit stays without an answer, the others are taken."""
    seen: list[Submit] = []

    def answer(one: Submit) -> Result:
        seen.append(one)
        return Unknown(ref=one.ref, lost=lost) if len(seen) == 1 else Accepted(ref=one.ref, ids=rig.line.ids(one))

    rig.line.answer = answer


def late(rig: Rig, result: Result) -> None:
    """An answer nobody waits for any more."""
    rig.engine._receive([result])


async def doubtful(rig: Rig) -> int:
    """Add a message whose answers all stay out, its second try on its way; the `ref` of the first."""
    rig.line.answer = lambda one: Unknown(ref=one.ref) if len(rig.line.sent) == 1 else None
    rig.add(1)
    await until(lambda: len(rig.line.sent) == 2)
    return rig.line.sent[0].ref


@pytest.mark.parametrize("lane", [Lane.OTP, Lane.TRANSACTIONAL])
@pytest.mark.parametrize("lost", [True, False])
async def test_urgent_lanes_send_once_more_under_the_same_send_number(lane: Lane, lost: bool) -> None:
    rig = Rig(lane)
    first_unknown(rig, lost=lost)
    rig.add(1)
    await until(lambda: len(said(rig)) == 2)
    reason = "connection_lost" if lost else "answer_timeout"
    assert said(rig) == [("unanswered", reason), ("sent", "none")]
    assert [(record.send, record.positions) for record in rig.log.of(Started)] == [(1, 1), (1, 1)]
    assert rig.home.offsets.committable(99)[0] == 1 and list(rig.noted.values()) == [1]


async def test_no_more_than_once() -> None:
    rig = Rig(Lane.OTP)
    rig.line.answer = lambda one: Unknown(ref=one.ref)
    rig.add(1)
    await until(lambda: len(said(rig)) == 2)
    await turns(20)
    assert said(rig) == [("unanswered", "answer_timeout"), ("uncertain", "answer_timeout")]
    assert len(rig.line.sent) == 2
    assert rig.home.offsets.committable(99)[0] == 1


async def test_marketing_never() -> None:
    rig = Rig(Lane.MARKETING)
    rig.line.answer = lambda one: Unknown(ref=one.ref)
    rig.add(1)
    await until(lambda: said(rig))
    await turns(20)
    assert said(rig) == [("uncertain", "answer_timeout")] and len(rig.line.sent) == 1


async def test_the_second_goes_only_when_the_log_says_that_the_first_is_unanswered() -> None:
    rig = Rig(Lane.OTP)
    first_unknown(rig)
    rig.log.automatic = False
    rig.add(1)
    await until(lambda: rig.log.waiting)
    rig.log.acknowledge()
    await until(lambda: rig.log.of(Settled))
    await turns(20)
    assert len(rig.line.sent) == 1 and rig.home.offsets.committable(99)[0] == 0
    rig.log.acknowledge()
    await until(lambda: len(rig.log.of(Started)) == 2)
    rig.log.automatic = True
    rig.log.acknowledge()
    await until(lambda: len(said(rig)) == 2)


async def test_what_is_over_is_not_sent_again_and_stays_uncertain() -> None:
    rig = Rig(Lane.OTP)

    def answer(one: Submit) -> Result:
        rig.over = Reason.VALIDITY_ENDED
        return Unknown(ref=one.ref)

    rig.line.answer = answer
    rig.add(1)
    await until(lambda: said(rig))
    await turns(20)
    assert said(rig) == [("uncertain", "answer_timeout")]
    assert len(rig.line.sent) == 1 and rig.log.of(Returned) == []


@pytest.mark.parametrize("over", [Reason.VALIDITY_ENDED, Reason.CANCELED])
async def test_what_is_over_while_the_second_waits_is_uncertain_and_never_expired(over: Reason) -> None:
    rig = Rig(Lane.OTP)

    def answer(one: Submit) -> Result:
        rig.line.connected = False
        return Unknown(ref=one.ref, lost=True)

    rig.line.answer = answer
    load = rig.add(1)
    await until(lambda: rig.line.sent and load.waiting)
    rig.over = over
    rig.engine.sweep()
    await until(lambda: len(said(rig)) == 2)
    assert said(rig) == [("unanswered", "connection_lost"), ("uncertain", "connection_lost")]
    assert rig.log.of(Returned) == [] and len(rig.line.sent) == 1
    await until(lambda: rig.home.offsets.committable(99)[0] == 1)
    late(rig, Accepted(ref=rig.line.sent[0].ref, ids=("a",)))
    assert len(said(rig)) == 2, "the connection is gone: no answer can come over it"


async def test_a_second_try_that_was_not_taken_goes_again() -> None:
    rig = Rig(Lane.OTP)
    kinds: list[Any] = [
        lambda ref: Unknown(ref=ref), lambda ref: Throttled(ref=ref, code="X"), lambda ref: NotSent(ref=ref),
        lambda ref: Accepted(ref=ref, ids=("b",))]
    rig.line.answer = lambda one: kinds.pop(0)(one.ref)
    rig.add(1)
    await until(lambda: not kinds and said(rig)[-1] == ("sent", "none"))
    assert [outcome for outcome, _ in said(rig)] == ["unanswered", "not_taken", "not_taken", "sent"]


async def test_an_owner_that_leaves_notes_it_and_leaves_the_second_to_the_next() -> None:
    rig = Rig(Lane.OTP)
    rig.line.answer = lambda one: None
    rig.add(1)
    await until(lambda: rig.line.open)
    rig.home.leaving = True
    rig.line.answer = lambda one: Unknown(ref=one.ref)
    rig.line.deliver()
    await until(lambda: said(rig))
    await turns(20)
    assert said(rig) == [("unanswered", "answer_timeout")] and len(rig.line.sent) == 1
    assert rig.home.offsets.committable(99)[0] == 0, "the next owner is to read it"


async def test_a_long_message_goes_on_with_the_segment_that_was_not_answered() -> None:
    rig = Rig(Lane.OTP)
    tries: list[int] = []

    def answer(one: Submit) -> Result:
        tries.append(one.first_part)
        if tries == [0, 1]:
            return Unknown(ref=one.ref, sent_parts=1)
        return Accepted(ref=one.ref, ids=tuple(f"{one.first_part + n}a" for n in range(one.part_count)))

    rig.line.answer = answer
    rig.add(1, body="x" * 400, segments=b"\x03")
    await until(lambda: len(said(rig)) == 2)
    assert tries == [0, 1, 1, 2]
    assert len({one.concat_ref for one in rig.line.sent}) == 1
    assert rig.log.of(Settled)[-1].ids == "0a,1a,2a"


# Answers that come after all

@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Accepted(ref=0, ids=("a",)), ("sent", "none")),
        (Refused(ref=0, code="X", klass="permanent"), ("failed", "carrier_permanent")),
        (Refused(ref=0, code="X", klass="transient"), ("transient", "carrier_transient")),
        (Throttled(ref=0, code="X"), ("transient", "carrier_transient")),
    ],
)
async def test_a_late_answer_settles_what_is_uncertain_for_good(result: Any, expected: tuple[str, str]) -> None:
    rig = Rig(Lane.MARKETING)
    rig.line.answer = lambda one: Unknown(ref=one.ref)
    rig.add(1)
    await until(lambda: said(rig) and rig.home.offsets.committable(99)[0] == 1)
    ref = rig.line.sent[0].ref
    for _ in range(2):
        late(rig, type(result)(**{name: getattr(result, name) for name in result.__struct_fields__} | {"ref": ref}))
    await turns(20)
    assert said(rig) == [("uncertain", "answer_timeout"), expected]
    record = rig.log.of(Settled)[-1]
    assert record.ids == ("a" if expected[0] == "sent" else "")
    assert (record.rest is not None) == (expected[0] == "transient")
    assert len(rig.line.sent) == 1 and rig.home.offsets.open_positions == 0


async def test_a_late_answer_to_one_of_a_block_leaves_the_others_alone() -> None:
    rig = Rig(Lane.MARKETING)
    rig.line.answer = lambda one: Unknown(ref=one.ref) if one.destination.endswith("0") else None
    rig.add(2)
    await until(lambda: said(rig))
    late(rig, Accepted(ref=rig.line.sent[0].ref, ids=("a",)))
    await turns(20)
    assert said(rig)[-1] == ("sent", "none")
    assert rig.home.offsets.committable(99)[0] == 0, "position 1 has no answer"
    rig.line.answer = lambda one: Accepted(ref=one.ref, ids=("b",))
    rig.line.deliver()
    await until(lambda: rig.home.offsets.committable(99)[0] == 1)


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
    await until(lambda: rig.home.offsets.committable(99)[0] == 1)
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
    assert len(rig.line.sent) == 1 and rig.home.offsets.committable(99)[0] == 1


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
    assert len(rig.line.sent) == 2 and rig.home.offsets.committable(99)[0] == 1
    assert rig.engine.desk._known.get("a") is not None, "a receipt may speak of the first"


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
    rig.home.close()
    late(rig, Accepted(ref=rig.line.sent[0].ref, ids=("a",)))
    assert len(said(rig)) == 1
