"""The sender against a carrier that answers as told: what goes when, and what comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors.carriers.contract import Accepted, NotSent, Refused, Result, Submit, Throttled, Unknown
from schemas.records.wire import Returned, Settled, Started
from schemas.values.lanes import Lane
from schemas.values.positions import everyone
from schemas.values.reasons import Reason
from tests.support.dispatch.harness import SenderHarness
from tests.support.waiting import turns, until


async def test_nothing_goes_out_before_its_start_stands_in_the_log() -> None:
    harness = SenderHarness()
    harness.log.automatic = False
    harness.add(10)
    await until(lambda: harness.log.of(Started))
    assert harness.carrier.sent == []
    harness.log.acknowledge()
    assert [one.destination for one in harness.carrier.sent] == [str(491510000000 + p) for p in range(10)]


async def test_a_fenced_partition_sends_nothing() -> None:
    harness = SenderHarness()
    harness.log.automatic = False
    harness.add(10)
    await until(lambda: harness.log.of(Started))
    harness.owned.close()
    harness.sender.forget_closed_partitions()
    harness.add(5, chunk="chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_1")
    await turns()
    assert harness.carrier.sent == []


async def test_blocks_never_hold_more_than_the_window() -> None:
    harness = SenderHarness(window=8)
    harness.carrier.answer = lambda one: None
    harness.add(50)
    await until(lambda: len(harness.carrier.open) == 8)
    assert len(harness.log.of(Started)) == 4
    harness.carrier.answer = lambda one: Accepted(ref=one.ref, ids=harness.carrier.ids(one))
    harness.carrier.deliver()
    await until(lambda: list(harness.noted.values()) == [everyone(50)])
    assert len(harness.settled()) == 50
    assert harness.owned.offsets.committable(9)[0] == 1


async def test_the_matcher_can_ask_which_answers_are_outstanding() -> None:
    harness = SenderHarness()
    first, beyond = 491510000000, 491510000010
    assert not harness.sender.matcher.in_flight(None)
    harness.carrier.answer = lambda one: None
    harness.add(10)
    await until(lambda: len(harness.carrier.open) == 10)
    assert harness.sender.matcher.in_flight(first) and harness.sender.matcher.in_flight(None)
    assert not harness.sender.matcher.in_flight(beyond)
    harness.carrier.answer = lambda one: Accepted(ref=one.ref, ids=harness.carrier.ids(one))
    harness.carrier.deliver()
    await until(lambda: len(harness.settled()) == 10)
    assert not harness.sender.matcher.in_flight(first) and not harness.sender.matcher.in_flight(None)


@pytest.mark.parametrize("kind", [Throttled, NotSent])
async def test_what_was_not_taken_goes_again_and_is_settled_once(kind: type[Any]) -> None:
    harness, refused = SenderHarness(), set[str]()

    def answer(one: Submit) -> Result:
        if one.destination.endswith("3") and one.destination not in refused:
            refused.add(one.destination)
            return kind(ref=one.ref, code="ESME_RTHROTTLED") if kind is Throttled else kind(ref=one.ref)  # type: ignore[no-any-return]
        return Accepted(ref=one.ref, ids=harness.carrier.ids(one))

    harness.carrier.answer = answer
    harness.add(10)
    await until(lambda: list(harness.settled().values()) == 10 * [("sent", "none")])
    assert sum(record.positions.bit_count() for record in harness.log.of(Started)) == 11
    verdicts = [v for record in harness.log.of(Settled) for v in record.verdicts]
    assert sum(v.positions.bit_count() for v in verdicts if v.outcome == "sent") == 10
    assert [(v.positions, v.reason) for v in verdicts if v.outcome == "not_submitted"] == [
        (1 << 3, "throttled" if kind is Throttled else "none")
    ]
    await until(lambda: harness.owned.offsets.committable(99)[0] == 1)
    assert list(harness.noted.values()) == [everyone(10)]


async def test_what_was_not_taken_goes_again_only_when_the_log_says_so() -> None:
    harness = SenderHarness()
    harness.carrier.answer = lambda one: (
        Throttled(ref=one.ref, code="X")
        if len(harness.carrier.sent) == 4
        else Accepted(ref=one.ref, ids=harness.carrier.ids(one))
    )
    harness.log.automatic = False
    harness.add(4)
    await until(lambda: harness.log.waiting)
    harness.log.acknowledge()
    await until(lambda: harness.log.of(Settled))
    await turns(20)
    assert len(harness.log.of(Started)) == 1 and len(harness.carrier.sent) == 4
    assert harness.owned.offsets.committable(99)[0] == 0, "nothing of it is at its end"
    harness.log.automatic = True
    harness.log.acknowledge()
    await until(lambda: len(harness.settled()) == 4 and {o for o, _ in harness.settled().values()} == {"sent"})
    kinds = [type(record).__name__ for record in harness.log.records]
    assert kinds[:3] == ["Started", "Settled", "Started"]
    await until(lambda: harness.owned.offsets.committable(99)[0] == 1)


async def test_an_owner_that_leaves_notes_what_was_not_taken_and_starts_it_no_more() -> None:
    harness = SenderHarness()
    harness.carrier.answer = lambda one: None
    harness.add(4)
    await until(lambda: len(harness.carrier.open) == 4)
    harness.owned.leaving = True
    harness.carrier.answer = lambda one: Throttled(ref=one.ref, code="X")
    harness.carrier.deliver()
    await until(lambda: harness.log.of(Settled))
    await turns(20)
    assert len(harness.log.of(Started)) == 1
    assert {o for o, _ in harness.settled().values()} == {"not_submitted"}
    assert harness.owned.offsets.committable(99)[0] == 0


async def test_segments_go_one_token_at_a_time_and_before_anything_else() -> None:
    harness = SenderHarness(rate=20, window=10)
    harness.add(1, body="x" * 400, segments=b"\x03")
    harness.add(3, chunk="chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_1")
    await until(lambda: len(harness.carrier.sent) >= 4)
    assert [(one.first_part, one.parts) for one in harness.carrier.sent[:4]] == [(0, 3), (1, 3), (2, 3), (0, 1)]
    assert len({one.message_id for one in harness.carrier.sent[:3]}) == 1
    [record] = harness.log.of(Settled)[:1]
    assert record.ids.count(",") == 2


async def test_a_carrier_is_stopped_and_goes_on_while_everything_runs() -> None:
    harness = SenderHarness(rate=100, window=10)
    harness.add(50)
    await until(lambda: len(harness.carrier.sent) >= 5)
    harness.sender.rate = 0
    loop, stopped_at = asyncio.get_running_loop(), len(harness.log.of(Started))
    a_minute_later = loop.time() + 60
    await until(lambda: loop.time() > a_minute_later, 61.0)
    assert len(harness.log.of(Started)) == stopped_at
    harness.sender.rate = 100
    await until(lambda: len(harness.settled()) == 50)


async def test_a_slow_carriers_token_does_not_hold_back_the_new_rate() -> None:
    harness = SenderHarness(rate=0.01, window=10)
    harness.add(50)
    await until(lambda: len(harness.carrier.sent) == 1)
    began = asyncio.get_running_loop().time()
    harness.sender.rate = 100
    await until(lambda: len(harness.settled()) == 50)
    assert asyncio.get_running_loop().time() - began < 1.5


async def test_a_throttled_segment_goes_again_without_another_start() -> None:
    harness = SenderHarness()
    tries = 0

    def answer(one: Submit) -> Result:
        nonlocal tries
        if one.first_part == 1:
            tries += 1
            if tries == 1:
                return Throttled(ref=one.ref, code="ESME_RTHROTTLED", sent_parts=1)
        count = one.part_count or one.parts - one.first_part
        return Accepted(ref=one.ref, ids=tuple(f"{one.first_part + n}a" for n in range(count)))

    harness.carrier.answer = answer
    harness.add(1, body="x" * 200, segments=b"\x02")
    await until(lambda: harness.settled())
    assert tries == 2 and len(harness.log.of(Started)) == 1
    assert harness.log.of(Settled)[0].ids == "0a,1a"


async def test_refused_midway_is_partial_and_unknown_is_uncertain() -> None:
    harness = SenderHarness(Lane.MARKETING)
    harness.carrier.answer = lambda one: (
        Accepted(ref=one.ref, ids=("a",))
        if one.first_part == 0 and one.parts > 1
        else Refused(ref=one.ref, code="X", klass="permanent", sent_parts=1)
        if one.parts > 1
        else Unknown(ref=one.ref)
    )
    harness.add(1, body="x" * 200, segments=b"\x02")
    harness.add(1, chunk="chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_1")
    await until(lambda: len(harness.log.of(Settled)) == 2)
    assert {record.verdicts[0].outcome: record.ids for record in harness.log.of(Settled)} == {
        "partial": "a",
        "uncertain": "",
    }


async def test_what_is_over_goes_back_untried() -> None:
    harness = SenderHarness()
    harness.end_reason = Reason.CANCELED
    harness.add(10)
    await until(lambda: harness.log.of(Returned))
    [record] = harness.log.of(Returned)
    assert (record.reason, record.rest.positions) == ("canceled", everyone(10))
    assert harness.carrier.sent == [] and harness.owned.offsets.committable(9)[0] == 1


async def test_a_carrier_that_is_down_is_swept_for_what_has_ended() -> None:
    harness = SenderHarness()
    harness.carrier.connected = False
    harness.add(10)
    await turns()
    assert harness.log.records == []
    harness.end_reason = Reason.VALIDITY_ENDED
    harness.sender.sweep()
    assert [record.reason for record in harness.log.of(Returned)] == ["validity_ended"]


async def test_a_suspect_goes_message_by_message() -> None:
    harness = SenderHarness()
    harness.carrier.answer = lambda one: None
    harness.add(3, one_at_a_time=True)
    harness.add(2, chunk="chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_1")
    await until(lambda: len(harness.carrier.open) == 3)
    assert [record.positions.bit_count() for record in harness.log.of(Started)] == [1, 2]
    harness.carrier.answer = lambda one: Accepted(ref=one.ref, ids=harness.carrier.ids(one))
    harness.carrier.deliver()
    await until(lambda: sum(record.positions.bit_count() for record in harness.log.of(Settled)) == 5)
    assert [record.positions.bit_count() for record in harness.log.of(Started)] == [1, 2, 1, 1]


async def test_costs_of_what_waits_are_reported() -> None:
    harness = SenderHarness()
    harness.carrier.connected = False
    batch = harness.add(4, segments=bytes([1, 2, 3, 4]))
    assert harness.sender.queue.costs(Lane.MARKETING) == {batch.send_key: 10}
    batch.next_ranks(2)
    assert harness.sender.queue.costs(Lane.MARKETING) == {batch.send_key: 7}
    batch.give_back(1)
    assert harness.sender.queue.costs(Lane.MARKETING) == {batch.send_key: 9}
    assert batch.next_ranks(2) == [1, 2]


async def test_of_a_batch_only_what_was_canceled_is_handed_back() -> None:
    harness = SenderHarness(window=4)
    harness.carrier.answer = lambda one: None
    batch = harness.add(10)
    await until(lambda: len(harness.carrier.open) == 4)
    harness.canceled = 0b11_0000_1001  # two of these are with the carrier, or waited there
    harness.sender.sweep()
    [record] = harness.log.of(Returned)
    assert (record.reason, record.rest.positions) == (Reason.CANCELED, 0b11_0000_0000)
    harness.sender.sweep()
    assert len(harness.log.of(Returned)) == 1
    harness.carrier.answer = lambda one: Accepted(ref=one.ref, ids=harness.carrier.ids(one))
    harness.carrier.deliver()
    await until(lambda: list(harness.noted.values()) == [everyone(10)])
    assert sorted(harness.settled()) == list(range(8)) and batch.waiting_cost == 0
    assert harness.owned.offsets.committable(9)[0] == 1


async def test_a_canceled_message_that_the_carrier_refused_for_the_moment_does_not_go_again() -> None:
    harness = SenderHarness()
    harness.carrier.answer = lambda one: NotSent(ref=one.ref)
    harness.add(2)
    await until(lambda: len(harness.carrier.sent) >= 2)
    harness.canceled = 0b01
    await until(lambda: [record.rest.positions for record in harness.log.of(Returned)] == [0b01])
    harness.carrier.answer = lambda one: Accepted(ref=one.ref, ids=harness.carrier.ids(one))
    await until(lambda: list(harness.noted.values()) == [0b11])
    assert harness.settled()[1] == ("sent", "none")
