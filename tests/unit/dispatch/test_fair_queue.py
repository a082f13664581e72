"""What is at a carrier goes out by turns of the tenants, within a tenant in its order."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import Any

import pytest

from connectors.carriers.contract import Accepted, Result, Submit, Throttled
from connectors.dispatch.batch_queue import BatchQueue
from connectors.dispatch.lane_queue import QueuedBatch
from connectors.dispatch.send_batch import SendBatch
from schemas.records.slice import Columns
from schemas.values.reasons import Reason
from tests.support.dispatch.harness import SenderHarness
from tests.support.waiting import until

LARGE, SMALL = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def chunk(number: int) -> str:
    return f"chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_{number}"


def not_connected(**given: Any) -> tuple[SenderHarness, BatchQueue]:
    """A sender that starts nothing, and its queue."""
    harness = SenderHarness(**given)
    harness.carrier.connected = False
    return harness, harness.sender.queue


def served(queue: BatchQueue, times: int, at_a_time: int = 1) -> Counter[str]:
    """Messages by tenant when so many blocks are taken."""
    out: Counter[str] = Counter()
    for _ in range(times):
        queued = queue.next_batch(lambda _batch: None)
        assert queued is not None
        out[queued.batch.slice.tenant] += len(queue.take(queued, at_a_time))
    return out


async def test_a_small_tenant_has_every_other_turn_behind_a_large_one() -> None:
    harness, queue = not_connected()
    for number in range(20):
        harness.add(500, tenant=LARGE, chunk=chunk(number))
    assert served(queue, 100) == {LARGE: 100}
    harness.add(50, tenant=SMALL, chunk=chunk(99))
    assert served(queue, 100) == {LARGE: 50, SMALL: 50}
    assert served(queue, 10) == {LARGE: 10}


async def test_turns_follow_weights() -> None:
    harness, queue = not_connected(weight=lambda tenant: 3.0 if tenant == LARGE else 1.0)
    harness.add(500, tenant=LARGE, chunk=chunk(1))
    harness.add(500, tenant=SMALL, chunk=chunk(2))
    assert served(queue, 40, 5) == {LARGE: 150, SMALL: 50}


async def test_segments_count_not_messages() -> None:
    harness, queue = not_connected()
    harness.add(100, tenant=LARGE, chunk=chunk(1), segments=bytes([3]) * 100)
    harness.add(100, tenant=SMALL, chunk=chunk(2))
    assert served(queue, 40) == {LARGE: 10, SMALL: 30}


async def test_within_a_tenant_the_order_is_kept() -> None:
    harness, queue = not_connected()
    for number in range(4):
        harness.add(5, tenant=LARGE, chunk=chunk(number))
        harness.add(5, tenant=SMALL, chunk=chunk(10 + number))
    order = []
    while queue:
        queued = queue.next_batch(lambda _batch: None)
        if queued is not None:
            order.append(queued.batch.slice.chunk)
            queue.take(queued, 5)
    assert [one for one in order if len(one) == len(chunk(1))] == [chunk(number) for number in range(4)]
    assert [one for one in order if len(one) > len(chunk(1))] == [chunk(10 + number) for number in range(4)]


async def test_who_waits_for_an_answer_holds_up_no_other_tenant() -> None:
    harness, queue = not_connected()
    harness.add(5, tenant=LARGE, chunk=chunk(1), one_at_a_time=True)
    harness.add(5, tenant=SMALL, chunk=chunk(2))
    assert served(queue, 6) == {LARGE: 1, SMALL: 5}
    assert queue.next_batch(lambda _batch: None) is None and queue


async def test_what_is_to_end_is_handed_back_whoever_has_the_turn() -> None:
    harness, queue = not_connected()
    harness.add(5, tenant=LARGE, chunk=chunk(1))
    harness.add(5, tenant=SMALL, chunk=chunk(2))

    def of_the_small_one(batch: SendBatch) -> Reason | None:
        return Reason.CANCELED if batch.slice.tenant == SMALL else None

    queue.sweep(of_the_small_one)
    assert served(queue, 5) == {LARGE: 5}
    assert queue.next_batch(lambda _batch: None) is None and not queue


async def test_what_comes_back_is_in_its_place_and_was_not_served() -> None:
    harness, queue = not_connected()
    first, second = harness.add(3, tenant=LARGE, chunk=chunk(1)), harness.add(3, tenant=LARGE, chunk=chunk(2))
    harness.add(30, tenant=SMALL, chunk=chunk(3))
    taken: list[tuple[QueuedBatch, int]] = []
    for _ in range(8):
        queued = queue.next_batch(lambda _batch: None)
        assert queued is not None
        taken += [(queued, rank) for rank in queue.take(queued, 1)]
    assert (first.waiting, second.waiting) == (0, 2)
    for queued, rank in taken:
        if queued.batch.slice.tenant == LARGE:
            queue.give_back(queued, rank)
    assert (first.waiting, second.waiting) == (3, 3)
    again = [queued.batch for _ in range(8) if (queued := queue.next_batch(lambda _batch: None)) and queue.take(queued, 1)]
    assert [batch for batch in again if batch in (first, second)][:4] == [first, first, first, second]
    assert sum(batch in (first, second) for batch in again) >= 4


@pytest.mark.parametrize("throttled_every", [0, 5])
async def test_the_carrier_sees_both_tenants_by_turns(throttled_every: int) -> None:
    harness, _ = not_connected(window=8)
    asked = 0

    def answer(one: Submit) -> Result:
        nonlocal asked
        asked += 1
        if throttled_every and asked % throttled_every == 0:
            return Throttled(ref=one.ref, code="0x00000058", wait_seconds=0.0)
        return Accepted(ref=one.ref, ids=harness.carrier.ids(one))

    harness.carrier.answer = answer
    harness.add(300, tenant=LARGE, chunk=chunk(1))
    small = Columns(to=array("Q", [491520000000 + p for p in range(20)]).tobytes(), variables={}, refs=None)
    harness.add(20, tenant=SMALL, chunk=chunk(2), columns=small)
    harness.carrier.connected = True
    harness.sender.wake()
    await until(lambda: sum(positions.bit_count() for positions in harness.noted.values()) == 320)
    order = [one.destination.startswith("49152") for one in harness.carrier.sent]
    assert sum(order[:16]) == 8 or throttled_every
    assert {one.destination for one in harness.carrier.sent[:60] if one.destination.startswith("49152")} == {
        str(491520000000 + p) for p in range(20)
    }
