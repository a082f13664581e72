"""The sender against a carrier that answers as told: what goes when, and what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.carriers.contract import Accepted, NotSent, Refused, Result, Submit, Throttled, Unknown
from schemas.records.wire import Returned, Settled, Started
from schemas.values.lanes import Lane
from schemas.values.positions import everyone
from schemas.values.reasons import Reason
from tests.support.carriers import turns, until
from tests.support.dispatch.harness import Rig


async def test_nothing_goes_out_before_its_start_stands_in_the_log() -> None:
    rig = Rig()
    rig.log.automatic = False
    rig.add(10)
    await until(lambda: rig.log.of(Started))
    assert rig.line.sent == []
    rig.log.acknowledge()
    assert [one.destination for one in rig.line.sent] == [str(491510000000 + p) for p in range(10)]


async def test_a_fenced_home_sends_nothing() -> None:
    rig = Rig()
    rig.log.automatic = False
    rig.add(10)
    await until(lambda: rig.log.of(Started))
    rig.owned.close()
    rig.sender.forget_closed()
    rig.add(5, chunk="chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_1")
    await turns()
    assert rig.line.sent == []


async def test_blocks_never_hold_more_than_the_window() -> None:
    rig = Rig(window=8)
    rig.line.answer = lambda one: None
    rig.add(50)
    await until(lambda: len(rig.line.open) == 8)
    assert len(rig.log.of(Started)) == 4
    rig.line.answer = lambda one: Accepted(ref=one.ref, ids=rig.line.ids(one))
    rig.line.deliver()
    await until(lambda: len(rig.settled()) == 50)
    assert rig.owned.offsets.committable(9)[0] == 1
    assert list(rig.noted.values()) == [everyone(50)]


async def test_the_desk_can_ask_whose_answer_is_outstanding() -> None:
    rig = Rig()
    first, beyond = 491510000000, 491510000010
    assert not rig.sender.matcher.in_flight(None)
    rig.line.answer = lambda one: None
    rig.add(10)
    await until(lambda: len(rig.line.open) == 10)
    assert rig.sender.matcher.in_flight(first) and rig.sender.matcher.in_flight(None)
    assert not rig.sender.matcher.in_flight(beyond)
    rig.line.answer = lambda one: Accepted(ref=one.ref, ids=rig.line.ids(one))
    rig.line.deliver()
    await until(lambda: len(rig.settled()) == 10)
    assert not rig.sender.matcher.in_flight(first) and not rig.sender.matcher.in_flight(None)


@pytest.mark.parametrize("kind", [Throttled, NotSent])
async def test_what_was_not_taken_goes_again_and_is_settled_once(kind: type[Any]) -> None:
    rig, refused = Rig(), set[str]()

    def answer(one: Submit) -> Result:
        if one.destination.endswith("3") and one.destination not in refused:
            refused.add(one.destination)
            return kind(ref=one.ref, code="ESME_RTHROTTLED") if kind is Throttled else kind(ref=one.ref)  # type: ignore[no-any-return]
        return Accepted(ref=one.ref, ids=rig.line.ids(one))

    rig.line.answer = answer
    rig.add(10)
    await until(lambda: list(rig.settled().values()) == 10 * [("sent", "none")])
    assert sum(record.positions.bit_count() for record in rig.log.of(Started)) == 11
    verdicts = [v for record in rig.log.of(Settled) for v in record.verdicts]
    assert sum(v.positions.bit_count() for v in verdicts if v.outcome == "sent") == 10
    assert [(v.positions, v.reason) for v in verdicts if v.outcome == "not_submitted"] == [
        (1 << 3, "throttled" if kind is Throttled else "none")]
    await until(lambda: rig.owned.offsets.committable(99)[0] == 1)
    assert list(rig.noted.values()) == [everyone(10)]


async def test_what_was_not_taken_goes_again_only_when_the_log_says_so() -> None:
    rig = Rig()
    rig.line.answer = lambda one: (
        Throttled(ref=one.ref, code="X") if len(rig.line.sent) == 4 else Accepted(ref=one.ref, ids=rig.line.ids(one)))
    rig.log.automatic = False
    rig.add(4)
    await until(lambda: rig.log.waiting)
    rig.log.acknowledge()
    await until(lambda: rig.log.of(Settled))
    await turns(20)
    assert len(rig.log.of(Started)) == 1 and len(rig.line.sent) == 4
    assert rig.owned.offsets.committable(99)[0] == 0, "nothing of it is at its end"
    rig.log.automatic = True
    rig.log.acknowledge()
    await until(lambda: len(rig.settled()) == 4 and {o for o, _ in rig.settled().values()} == {"sent"})
    kinds = [type(record).__name__ for record in rig.log.records]
    assert kinds[:3] == ["Started", "Settled", "Started"]
    await until(lambda: rig.owned.offsets.committable(99)[0] == 1)


async def test_an_owner_that_leaves_notes_what_was_not_taken_and_starts_it_no_more() -> None:
    rig = Rig()
    rig.line.answer = lambda one: None
    rig.add(4)
    await until(lambda: len(rig.line.open) == 4)
    rig.owned.leaving = True
    rig.line.answer = lambda one: Throttled(ref=one.ref, code="X")
    rig.line.deliver()
    await until(lambda: rig.log.of(Settled))
    await turns(20)
    assert len(rig.log.of(Started)) == 1
    assert {o for o, _ in rig.settled().values()} == {"not_submitted"}
    assert rig.owned.offsets.committable(99)[0] == 0


async def test_segments_go_one_token_at_a_time_and_before_anything_else() -> None:
    rig = Rig(rate=20, window=10)
    rig.add(1, body="x" * 400, segments=b"\x03")
    rig.add(3, chunk="chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_1")
    await until(lambda: len(rig.line.sent) >= 4)
    assert [(one.first_part, len(one.parts)) for one in rig.line.sent[:4]] == [(0, 3), (1, 3), (2, 3), (0, 1)]
    assert len({one.concat_ref for one in rig.line.sent[:3]}) == 1
    [record] = rig.log.of(Settled)[:1]
    assert record.ids.count(",") == 2


async def test_a_throttled_segment_goes_again_without_another_start() -> None:
    rig = Rig()
    tries = 0

    def answer(one: Submit) -> Result:
        nonlocal tries
        if one.first_part == 1:
            tries += 1
            if tries == 1:
                return Throttled(ref=one.ref, code="ESME_RTHROTTLED", sent_parts=1)
        count = one.part_count or len(one.parts)
        return Accepted(ref=one.ref, ids=tuple(f"{one.first_part + n}a" for n in range(count)))

    rig.line.answer = answer
    rig.add(1, body="x" * 200, segments=b"\x02")
    await until(lambda: rig.settled())
    assert tries == 2 and len(rig.log.of(Started)) == 1
    assert rig.log.of(Settled)[0].ids == "0a,1a"


async def test_refused_midway_is_partial_and_unknown_is_uncertain() -> None:
    rig = Rig(Lane.MARKETING)
    rig.line.answer = lambda one: (
        Accepted(ref=one.ref, ids=("a",)) if one.first_part == 0 and len(one.parts) > 1
        else Refused(ref=one.ref, code="X", klass="permanent", sent_parts=1) if len(one.parts) > 1
        else Unknown(ref=one.ref))
    rig.add(1, body="x" * 200, segments=b"\x02")
    rig.add(1, chunk="chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_1")
    await until(lambda: len(rig.log.of(Settled)) == 2)
    assert {record.verdicts[0].outcome: record.ids for record in rig.log.of(Settled)} == {"partial": "a", "uncertain": ""}


async def test_what_is_over_goes_back_untried() -> None:
    rig = Rig()
    rig.over = Reason.CANCELED
    rig.add(10)
    await until(lambda: rig.log.of(Returned))
    [record] = rig.log.of(Returned)
    assert (record.reason, record.rest.positions) == ("canceled", everyone(10))
    assert rig.line.sent == [] and rig.owned.offsets.committable(9)[0] == 1


async def test_a_carrier_that_is_down_is_swept_for_what_has_ended() -> None:
    rig = Rig()
    rig.line.connected = False
    rig.add(10)
    await turns()
    assert rig.log.records == []
    rig.over = Reason.VALIDITY_ENDED
    rig.sender.sweep()
    assert [record.reason for record in rig.log.of(Returned)] == ["validity_ended"]


async def test_a_suspect_goes_message_by_message() -> None:
    rig = Rig()
    rig.line.answer = lambda one: None
    rig.add(3, alone=True)
    rig.add(2, chunk="chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_1")
    await until(lambda: len(rig.line.open) == 3)
    assert [record.positions.bit_count() for record in rig.log.of(Started)] == [1, 2]
    rig.line.answer = lambda one: Accepted(ref=one.ref, ids=rig.line.ids(one))
    rig.line.deliver()
    await until(lambda: sum(record.positions.bit_count() for record in rig.log.of(Settled)) == 5)
    assert [record.positions.bit_count() for record in rig.log.of(Started)] == [1, 2, 1, 1]


async def test_costs_of_what_waits_are_told() -> None:
    rig = Rig()
    rig.line.connected = False
    load = rig.add(4, segments=bytes([1, 2, 3, 4]))
    assert rig.sender.queue.costs(Lane.MARKETING) == {load.place: 10}
    load.take(2)
    assert rig.sender.queue.costs(Lane.MARKETING) == {load.place: 7}
    load.give_back(1)
    assert rig.sender.queue.costs(Lane.MARKETING) == {load.place: 9}
    assert load.take(2) == [1, 2]
