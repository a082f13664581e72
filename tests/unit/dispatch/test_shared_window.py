"""Codes and marketing over one connection: codes first, and marketing never fills the window."""

from __future__ import annotations

import pytest

from connectors.carriers.contract import Result, Submit
from connectors.dispatch.lane_queue import QueuedBatch
from connectors.dispatch.log_recovery import Recovered
from connectors.dispatch.offset_tracker import OffsetTracker
from connectors.dispatch.owned_partition import OwnedPartition
from connectors.dispatch.send_batch import SendBatch
from schemas.values.lanes import Lane
from tests.support.dispatch.harness import NOW, SenderHarness
from tests.support.dispatch.records import SEALER, a_slice
from tests.support.waiting import turns, until

CODES = "chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_9"


def no_answer(_submit: Submit) -> Result | None:
    return None


def shared(window: int) -> tuple[SenderHarness, OwnedPartition]:
    """A sender of codes that carries marketing, too; marketing comes by this partition."""
    harness = SenderHarness(Lane.OTP, window=window)
    harness.sender.queue.carry(tuple(Lane))
    harness.carrier.answer = no_answer
    log = type(harness.log)()
    return harness, OwnedPartition(
        Lane.MARKETING, 0, log, OffsetTracker(0), Recovered(), SEALER, lambda _key, _positions: None, lambda: NOW
    )


def market(harness: SenderHarness, owned: OwnedPartition, size: int) -> None:
    slice_ = a_slice(size)
    owned.progress.claim((slice_.chunk, slice_.send), slice_.positions)
    owned.offsets.track(0, size)
    harness.sender.enqueue(QueuedBatch(owned, SendBatch(slice_, slice_.positions, 0, "acme", SEALER, one_at_a_time=False)))


@pytest.mark.parametrize(("window", "of_marketing"), [(1, 1), (2, 1), (4, 3), (8, 6), (100, 75)])
async def test_marketing_leaves_room_for_the_next_code(window: int, of_marketing: int) -> None:
    harness, owned = shared(window)
    market(harness, owned, 500)
    await until(lambda: len(harness.carrier.open) >= of_marketing)
    await turns()
    assert len(harness.carrier.open) == of_marketing
    harness.add(window, lane="otp", chunk=CODES)
    await turns()
    assert len(harness.carrier.open) == window, "codes use all of it"


async def test_codes_go_first() -> None:
    harness, owned = shared(4)
    harness.carrier.connected = False
    market(harness, owned, 50)
    harness.add(4, lane="otp", chunk=CODES)
    harness.carrier.connected = True
    harness.sender.wake()
    await until(lambda: len(harness.carrier.sent) == 4)
    assert [entry.lane for entry in harness.log.records] == ["otp"] * len(harness.log.records)  # type: ignore[union-attr]
    assert owned.open_at("acme") == 0 and not harness.sender.idle


async def test_a_sender_of_marketing_alone_fills_its_window() -> None:
    harness = SenderHarness(Lane.MARKETING, window=8)
    harness.carrier.answer = no_answer
    harness.add(50)
    await until(lambda: len(harness.carrier.open) == 8)
    assert harness.sender.in_flight


async def test_what_comes_of_a_lane_that_is_not_carried_is_sent_all_the_same() -> None:
    harness, owned = shared(10)
    queue = harness.sender.queue
    queue.carry((Lane.OTP,))
    assert queue.lanes == [Lane.OTP], "its room is another process's to tell"
    market(harness, owned, 3)
    await until(lambda: len(harness.carrier.sent) == 3)
    assert {of for of, _, _ in queue.changed} == {Lane.MARKETING} and queue.costs(Lane.MARKETING) == {}


@pytest.mark.parametrize("codes", [0, 40])
async def test_codes_beside_it_do_not_make_it_seem_that_less_is_answered(
    monkeypatch: pytest.MonkeyPatch, codes: int
) -> None:
    """How much of what went was answered says how far marketing is held back; answers of codes are not counted."""
    harness, owned = shared(200)
    counted: list[int] = []
    monkeypatch.setattr(harness.sender.brake.answer_times, "on_sent", counted.append)
    if codes:
        harness.add(codes, lane="otp", chunk=CODES)
    market(harness, owned, 30)
    await until(lambda: len(harness.carrier.open) == 30 + codes)
    assert sum(counted) == 30


async def test_of_long_messages_neither_calls_nor_answers_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = SenderHarness(Lane.MARKETING, window=100)
    counted: list[int] = []
    monkeypatch.setattr(harness.sender.brake.answer_times, "on_sent", counted.append)
    harness.add(10, body="x" * 400, segments=bytes([3]) * 10)
    await until(lambda: len(harness.carrier.sent) >= 10)
    assert counted == []
