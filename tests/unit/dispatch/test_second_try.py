"""Messages whose answer did not come: otp and transactional go once more, marketing never."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.carriers.contract import Accepted, NotSent, Result, Submit, Throttled, Unknown
from schemas.records.wire import Returned, Settled, Started
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason
from tests.support.dispatch.harness import SenderHarness
from tests.support.dispatch.unanswered import first_unknown, late, outcomes_logged
from tests.support.waiting import turns, until


@pytest.mark.parametrize("lane", [Lane.OTP, Lane.TRANSACTIONAL])
@pytest.mark.parametrize("lost", [True, False])
async def test_urgent_lanes_send_once_more_under_the_same_send_number(lane: Lane, lost: bool) -> None:
    harness = SenderHarness(lane)
    first_unknown(harness, lost=lost)
    harness.add(1)
    await until(lambda: len(outcomes_logged(harness)) == 2)
    reason = "connection_lost" if lost else "answer_timeout"
    assert outcomes_logged(harness) == [("unanswered", reason), ("sent", "none")]
    assert [(record.send, record.positions) for record in harness.log.of(Started)] == [(1, 1), (1, 1)]
    assert harness.owned.offsets.committable(99)[0] == 1 and list(harness.noted.values()) == [1]


async def test_no_more_than_once() -> None:
    harness = SenderHarness(Lane.OTP)
    harness.carrier.answer = lambda one: Unknown(ref=one.ref)
    harness.add(1)
    await until(lambda: len(outcomes_logged(harness)) == 2)
    await turns(20)
    assert outcomes_logged(harness) == [("unanswered", "answer_timeout"), ("uncertain", "answer_timeout")]
    assert len(harness.carrier.sent) == 2
    assert harness.owned.offsets.committable(99)[0] == 1


async def test_marketing_never() -> None:
    harness = SenderHarness(Lane.MARKETING)
    harness.carrier.answer = lambda one: Unknown(ref=one.ref)
    harness.add(1)
    await until(lambda: outcomes_logged(harness))
    await turns(20)
    assert outcomes_logged(harness) == [("uncertain", "answer_timeout")] and len(harness.carrier.sent) == 1


async def test_the_second_goes_only_when_the_log_says_that_the_first_is_unanswered() -> None:
    harness = SenderHarness(Lane.OTP)
    first_unknown(harness)
    harness.log.automatic = False
    harness.add(1)
    await until(lambda: harness.log.waiting)
    harness.log.acknowledge()
    await until(lambda: harness.log.of(Settled))
    await turns(20)
    assert len(harness.carrier.sent) == 1 and harness.owned.offsets.committable(99)[0] == 0
    harness.log.acknowledge()
    await until(lambda: len(harness.log.of(Started)) == 2)
    harness.log.automatic = True
    harness.log.acknowledge()
    await until(lambda: len(outcomes_logged(harness)) == 2)


async def test_what_is_over_is_not_sent_again_and_stays_uncertain() -> None:
    harness = SenderHarness(Lane.OTP)

    def answer(one: Submit) -> Result:
        harness.end_reason = Reason.VALIDITY_ENDED
        return Unknown(ref=one.ref)

    harness.carrier.answer = answer
    harness.add(1)
    await until(lambda: outcomes_logged(harness))
    await turns(20)
    assert outcomes_logged(harness) == [("uncertain", "answer_timeout")]
    assert len(harness.carrier.sent) == 1 and harness.log.of(Returned) == []


@pytest.mark.parametrize("over", [Reason.VALIDITY_ENDED, Reason.CANCELED])
async def test_what_is_over_while_the_second_waits_is_uncertain_and_never_expired(over: Reason) -> None:
    harness = SenderHarness(Lane.OTP)

    def answer(one: Submit) -> Result:
        harness.carrier.connected = False
        return Unknown(ref=one.ref, lost=True)

    harness.carrier.answer = answer
    batch = harness.add(1)
    await until(lambda: harness.carrier.sent and batch.waiting)
    harness.end_reason = over
    harness.sender.sweep()
    await until(lambda: len(outcomes_logged(harness)) == 2)
    assert outcomes_logged(harness) == [("unanswered", "connection_lost"), ("uncertain", "connection_lost")]
    assert harness.log.of(Returned) == [] and len(harness.carrier.sent) == 1
    await until(lambda: harness.owned.offsets.committable(99)[0] == 1)
    late(harness, Accepted(ref=harness.carrier.sent[0].ref, ids=("a",)))
    assert len(outcomes_logged(harness)) == 2, "the connection is gone: no answer can come over it"


async def test_a_second_try_that_was_not_taken_goes_again() -> None:
    harness = SenderHarness(Lane.OTP)
    kinds: list[Any] = [
        lambda ref: Unknown(ref=ref),
        lambda ref: Throttled(ref=ref, code="X"),
        lambda ref: NotSent(ref=ref),
        lambda ref: Accepted(ref=ref, ids=("b",)),
    ]
    harness.carrier.answer = lambda one: kinds.pop(0)(one.ref)
    harness.add(1)
    await until(lambda: not kinds and outcomes_logged(harness)[-1] == ("sent", "none"))
    assert [outcome for outcome, _ in outcomes_logged(harness)] == ["unanswered", "not_submitted", "not_submitted", "sent"]


async def test_an_owner_that_leaves_notes_it_and_leaves_the_second_to_the_next() -> None:
    harness = SenderHarness(Lane.OTP)
    harness.carrier.answer = lambda one: None
    harness.add(1)
    await until(lambda: harness.carrier.open)
    harness.owned.leaving = True
    harness.carrier.answer = lambda one: Unknown(ref=one.ref)
    harness.carrier.deliver()
    await until(lambda: outcomes_logged(harness))
    await turns(20)
    assert outcomes_logged(harness) == [("unanswered", "answer_timeout")] and len(harness.carrier.sent) == 1
    assert harness.owned.offsets.committable(99)[0] == 0, "the next owner is to read it"


async def test_a_long_message_goes_on_with_the_segment_that_was_not_answered() -> None:
    harness = SenderHarness(Lane.OTP)
    tries: list[int] = []

    def answer(one: Submit) -> Result:
        tries.append(one.first_part)
        if tries == [0, 1]:
            return Unknown(ref=one.ref, sent_parts=1)
        count = one.part_count or one.parts - one.first_part
        return Accepted(ref=one.ref, ids=tuple(f"{one.first_part + n}a" for n in range(count)))

    harness.carrier.answer = answer
    harness.add(1, body="x" * 400, segments=b"\x03")
    await until(lambda: len(outcomes_logged(harness)) == 2)
    assert tries == [0, 1, 1, 2]
    assert len({one.message_id for one in harness.carrier.sent}) == 1
    assert harness.log.of(Settled)[-1].ids == "0a,1a,2a"


async def test_what_went_in_part_does_not_go_whole_after_the_carrier_has_been_changed() -> None:
    """Its second try would bring the handset the first segments again."""
    harness = SenderHarness(Lane.OTP)

    def answer(one: Submit) -> Result:
        if one.first_part == 0:
            return Accepted(ref=one.ref, ids=("0a",))
        harness.sender.use_connection(harness.sender.carrier, 10, whole=True)
        return Unknown(ref=one.ref, sent_parts=1)

    harness.carrier.answer = answer
    harness.add(1, body="x" * 400, segments=b"\x03")
    await until(lambda: len(outcomes_logged(harness)) == 2)
    assert outcomes_logged(harness) == [("unanswered", "answer_timeout"), ("partial", "partial")]
    assert [one.first_part for one in harness.carrier.sent] == [0, 1]
    assert harness.log.of(Settled)[-1].ids == "0a"


async def test_what_a_lost_owner_left_has_had_its_first_try() -> None:
    harness = SenderHarness(Lane.OTP)
    harness.carrier.answer = lambda one: Unknown(ref=one.ref)
    harness.add(1).second_tries = {0: Reason.OWNER_LOST}
    await until(lambda: outcomes_logged(harness))
    await turns(20)
    assert outcomes_logged(harness) == [("uncertain", "answer_timeout")] and len(harness.carrier.sent) == 1


async def test_what_a_lost_owner_left_and_is_over_is_uncertain() -> None:
    harness = SenderHarness(Lane.OTP)
    harness.end_reason = Reason.VALIDITY_ENDED
    harness.add(1).second_tries = {0: Reason.OWNER_LOST}
    await until(lambda: outcomes_logged(harness))
    assert (
        outcomes_logged(harness) == [("uncertain", "owner_lost")]
        and harness.carrier.sent == []
        and harness.log.of(Returned) == []
    )
