"""Messages whose answer did not come: otp and transactional go once more, marketing never."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.carriers.contract import Accepted, NotSent, Result, Submit, Throttled, Unknown
from schemas.records.wire import Returned, Settled, Started
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason
from tests.support.carriers import turns, until
from tests.support.dispatch.doubt import first_unknown, late, said
from tests.support.dispatch.harness import Rig


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
    assert rig.owned.offsets.committable(99)[0] == 1 and list(rig.noted.values()) == [1]


async def test_no_more_than_once() -> None:
    rig = Rig(Lane.OTP)
    rig.line.answer = lambda one: Unknown(ref=one.ref)
    rig.add(1)
    await until(lambda: len(said(rig)) == 2)
    await turns(20)
    assert said(rig) == [("unanswered", "answer_timeout"), ("uncertain", "answer_timeout")]
    assert len(rig.line.sent) == 2
    assert rig.owned.offsets.committable(99)[0] == 1


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
    assert len(rig.line.sent) == 1 and rig.owned.offsets.committable(99)[0] == 0
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
    rig.sender.sweep()
    await until(lambda: len(said(rig)) == 2)
    assert said(rig) == [("unanswered", "connection_lost"), ("uncertain", "connection_lost")]
    assert rig.log.of(Returned) == [] and len(rig.line.sent) == 1
    await until(lambda: rig.owned.offsets.committable(99)[0] == 1)
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
    assert [outcome for outcome, _ in said(rig)] == ["unanswered", "not_submitted", "not_submitted", "sent"]


async def test_an_owner_that_leaves_notes_it_and_leaves_the_second_to_the_next() -> None:
    rig = Rig(Lane.OTP)
    rig.line.answer = lambda one: None
    rig.add(1)
    await until(lambda: rig.line.open)
    rig.owned.leaving = True
    rig.line.answer = lambda one: Unknown(ref=one.ref)
    rig.line.deliver()
    await until(lambda: said(rig))
    await turns(20)
    assert said(rig) == [("unanswered", "answer_timeout")] and len(rig.line.sent) == 1
    assert rig.owned.offsets.committable(99)[0] == 0, "the next owner is to read it"


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


async def test_what_a_lost_owner_left_has_had_its_first_try() -> None:
    rig = Rig(Lane.OTP)
    rig.line.answer = lambda one: Unknown(ref=one.ref)
    rig.add(1).again = {0: Reason.OWNER_LOST}
    await until(lambda: said(rig))
    await turns(20)
    assert said(rig) == [("uncertain", "answer_timeout")] and len(rig.line.sent) == 1


async def test_what_a_lost_owner_left_and_is_over_is_uncertain() -> None:
    rig = Rig(Lane.OTP)
    rig.over = Reason.VALIDITY_ENDED
    rig.add(1).again = {0: Reason.OWNER_LOST}
    await until(lambda: said(rig))
    assert said(rig) == [("uncertain", "owner_lost")] and rig.line.sent == [] and rig.log.of(Returned) == []
