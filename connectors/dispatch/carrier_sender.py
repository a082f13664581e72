"""The sender of one carrier: submits messages from its queue as window and tokens allow.

In: batches, free slots of the carrier connection, tokens. Out: blocks: `Started` in the log of calls, and on its
acknowledgement the submits; what their results mean is said in `result_handler.py`. Missing segments of a message go before
anything else. Nothing is started while the carrier is not connected or its breaker is open: batches wait, end with their
validity or pass to another carrier; while the breaker probes, a few messages go. After `drain`
nothing new is started; what is in flight is still settled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from functools import partial

from connectors.carriers.contract import Carrier
from connectors.dispatch.attempt_blocks import AttemptBlock, UnsentSegments
from connectors.dispatch.batch_queue import BatchQueue, ReasonToStop
from connectors.dispatch.lane_queue import QueuedBatch
from connectors.dispatch.leases import Leases
from connectors.dispatch.owned_partition import OwnedPartition
from connectors.dispatch.pacing import Pacer
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from connectors.dispatch.result_handler import ResultHandler
from connectors.dispatch.token_supply import TokenSupply
from connectors.dispatch.whole_messages import WholeMessages
from schemas.rules.carrier_health import PROBES, BreakerState
from schemas.rules.narrow_rates import NO_BUCKETS, NO_NARROW_RATES, NarrowRates
from schemas.values.lanes import Lane

LARGEST_BLOCK = 256
KEPT_FREE = 4
"""One slot in so many of a window that lanes share is no marketing's; at least one, where there are several."""


class CarrierSender:
    """`rate` (segments per second) and `window` (messages in flight over all binds) may be changed at any time."""

    def __init__(
        self,
        carrier: Carrier,
        queue: BatchQueue,
        matcher: ReceiptMatcher,
        leases: Leases,
        reason_to_stop: ReasonToStop,
        now: Callable[[], int],
        *,
        rate: float,
        window: int,
        whole: bool = False,
        narrow: NarrowRates = NO_NARROW_RATES,
    ) -> None:
        self.queue = queue
        self.matcher = matcher
        self._pacer = Pacer()
        self._results = ResultHandler(
            queue, matcher, reason_to_stop, wake=self.wake, carrier_recovered=self._pacer.drop_leases
        )
        self.brake = self._results.throttles.brake
        self.code_brake = self._results.code_brake
        self.breaker = self._results.throttles.breaker
        self._supply = TokenSupply(leases, self._pacer, queue, self._results, self.wake, rate=rate, rates=narrow)
        self.limit = self._supply.limit
        self._reason_to_stop = reason_to_stop
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._last_number = 0
        self._unacknowledged: dict[int, int] = {}  # by block: messages whose start is not acknowledged yet
        self._reserved = 0  # all of these
        self._woken = self._draining = False
        self._timer: asyncio.TimerHandle | None = None
        self.use_connection(carrier, window, whole=whole)

    @property
    def rate(self) -> float:
        """Segments per second that the contract allows; 0 = nothing is started."""
        return self._supply.rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._supply.rate = rate

    @property
    def idle(self) -> bool:
        """Whether nothing waits here, nothing is in flight, and the carrier's room knows."""
        return not (self.queue or self.queue.changed or self._results.blocks or self._results.unsent)

    @property
    def in_flight(self) -> bool:
        """Whether anything is without its last answer, or has segments left to go."""
        return bool(self._results.blocks or self._results.unsent)

    def blocks_in_flight(self, owned_partitions: Collection[OwnedPartition]) -> int:
        """How many blocks of these partitions are without their last answer."""
        return sum(queued.owned in owned_partitions for _, queued in self._results.blocks.values())

    def use_connection(self, carrier: Carrier, window: int, *, whole: bool) -> None:
        """Submit over this connection from now on; what is in flight over another one is answered there. `whole`: it takes
        all segments of a message at once."""
        self.carrier = carrier
        self.window = window
        self._whole = WholeMessages() if whole else None
        self._supply.use_connection(whole=whole)
        self._receive = partial(self._results.on_results, carrier)

    def enqueue(self, queued: QueuedBatch) -> None:
        """Queue a batch."""
        self.queue.enqueue(queued)
        self.wake()

    def wake(self) -> None:
        """Something may go now: look once this turn of the loop has ended."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._pump)

    def drain(self) -> None:
        """Start nothing more; missing segments of what was started still go."""
        self._draining = True
        self._results.throttles.drain()

    def give_up_unsent(self) -> None:
        """The connection is gone for good: missing segments will never go."""
        while self._results.unsent:
            self._results.give_up_unsent(self._results.unsent.popleft())

    def flush_outcomes(self) -> None:
        """Write the outcomes that have come so far."""
        self._results.flush()

    def look_at_connection(self) -> None:
        """Several times a second: whether the carrier is there, for its breaker."""
        before = self.breaker.state
        self.breaker.look(self.carrier.connected, self.carrier.fault, self._loop.time())
        if self.breaker.state is not before:
            self.wake()

    def sweep(self) -> None:
        """Once a second: hand back what has a reason to end, wherever it waits."""
        self.queue.sweep(self._reason_to_stop)
        self._results.sweep()
        if self._whole is not None and not self.queue:
            self._whole.forget()
        if self._supply.narrow is not None:
            self._supply.narrow.forget(self._loop.time(), nothing_waits=not self.queue)
        self.wake()

    def _pump(self) -> None:
        self._woken = False
        if not self.carrier.connected or not (self._results.unsent or (self.queue and not self._draining)):
            return
        now = self._loop.time()
        if now < self.brake.until:
            self._look_again(self.brake.until)
            return
        slots = self._free_slots()
        tokens = self._pacer.available(now)
        before, narrow = tokens, self._supply.narrow
        slots, tokens = self._send_unsent(slots, tokens, now)
        most = self.code_brake.may_start(bool(self._results.blocks), now)
        if most is not None:
            slots = min(slots, most)
            if now < self.code_brake.probe_at:
                self._look_again(self.code_brake.probe_at)
        while slots > 0 and tokens > 0 and not self._draining:
            must_wait = None if narrow is None else partial(narrow.must_wait, tokens=tokens, now=now)
            queued = self.queue.next_batch(self._reason_to_stop, must_wait)
            count = cost = 0 if queued is None else self._block_size(queued, self._open_to(queued, slots), tokens)
            ranks: list[int] = []
            if queued is not None and count and narrow is not None:
                ranks, cost = narrow.take(queued, count, tokens, now)
                count = len(ranks)
            elif queued is not None and count and self._whole is not None:
                count, cost = self._whole.pay(queued.batch.next_costs(count), tokens)
            tokens -= cost
            if queued is None or (count == 0 and (narrow is None or cost == 0)):
                break
            if count:
                self._start(queued, count, ranks)
            slots -= count
        self._pacer.spend(before - tokens, now)
        if slots > 0 and (self.queue or self._results.unsent):
            self._ask_for_tokens(tokens, now)

    def _ask_for_tokens(self, tokens: int, now: float) -> None:
        if self._supply.narrow is not None:
            if (at := self._supply.ask_narrow(self._supply.narrow, now)) is not None:
                self._look_again(at)
            return
        self._supply.ask(now)
        if tokens == 0 and not self._supply.leasing:
            self._look_again(self._pacer.next_at(now) or self._pacer.ask_at)

    def _free_slots(self) -> int:
        """How many messages may be started now, as far as the connection and the breaker go."""
        free = self.carrier.room() - self._reserved
        match self.breaker.state:
            case BreakerState.CLOSED:
                return free
            case BreakerState.PROBING:
                return min(free, PROBES - sum(block.unanswered for block, _ in self._results.blocks.values()))
            case BreakerState.OPEN:
                return 0

    def _block_size(self, queued: QueuedBatch, slots: int, tokens: int) -> int:
        """How many messages the next block has; 0 = wait until more of the window is free."""
        batch = queued.batch
        if batch.one_at_a_time:
            return min(1, slots)
        most = min(max(1, min(LARGEST_BLOCK, self.window // 4)), batch.waiting)
        if slots < most and queued.owned.lane is Lane.MARKETING and (self._results.blocks or self._reserved):
            return 0
        return min(most, slots, tokens)

    def _open_to(self, queued: QueuedBatch, slots: int) -> int:
        """How many of these slots this batch may use: where marketing goes beside codes it never fills the window, for a
        code that comes next would wait for an answer."""
        if queued.owned.lane is not Lane.MARKETING or not self.queue.shared or self.window == 1:
            return slots
        return max(0, slots - max(1, self.window // KEPT_FREE))

    def _look_again(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self.wake)

    def _start(self, queued: QueuedBatch, count: int, chosen: Sequence[int]) -> None:
        ranks = self.queue.take(queued, count, chosen)
        self._last_number += 1
        block = AttemptBlock(self._last_number, queued.batch, ranks)
        self._unacknowledged[block.number] = len(ranks)
        self._reserved += len(ranks)
        self._results.blocks[block.number] = (block, queued)
        self.code_brake.started(self._loop.time())
        queued.owned.write_started(queued.batch, ranks, lambda: self._submit(block, queued))

    def _submit(self, block: AttemptBlock, queued: QueuedBatch) -> None:
        """The start is acknowledged by the log: now, and only now, the first byte may leave."""
        self._reserved -= self._unacknowledged.pop(block.number, 0)
        submits, bad = block.submits(self._now(), whole=self._whole is not None)
        for rank, outcome in bad.items():
            self._results.add_outcome(block, queued, rank, outcome)
        if submits:
            block.submitted_at = self._loop.time()
            if queued.owned.lane is Lane.MARKETING and not block.texts:
                self.brake.answer_times.on_sent(len(submits))  # of others no answers are counted
            self.carrier.send(submits, self._receive)

    def forget_closed_partitions(self) -> None:
        """Partitions were closed: the starts of theirs that are not acknowledged never will be."""
        self._results.forget_closed_partitions()
        blocks = self._results.blocks
        self._unacknowledged = {number: count for number, count in self._unacknowledged.items() if number in blocks}
        self._reserved = sum(self._unacknowledged.values())

    def _send_unsent(self, slots: int, tokens: int, now: float) -> tuple[int, int]:
        """Submit missing segments; the slots and tokens that are left."""
        narrow, passed = self._supply.narrow, list[UnsentSegments]()
        while self._results.unsent and slots > 0 and tokens > 0:
            unsent = self._results.unsent.popleft()
            group = NO_BUCKETS if narrow is None else narrow.group_of(unsent.queued, unsent.rank)
            free = tokens if narrow is None else narrow.tokens.free(group, tokens, now)
            if not free:
                passed.append(unsent)
                continue
            count = self._send_segments(unsent, free)
            if narrow is not None:
                narrow.tokens.spend(group, count, now)
            tokens, slots = tokens - count, slots - 1
        self._results.unsent.extendleft(reversed(passed))
        return slots, tokens

    def _send_segments(self, unsent: UnsentSegments, tokens: int) -> int:
        """Submit the next segments of one message, as many as there are tokens for; gives how many."""
        if self._whole is not None:  # the carrier's kind was changed in between: the new one cannot take the rest
            self._results.give_up_unsent(unsent)
            return 0
        count = min(tokens, unsent.block.segments_left(unsent.rank, unsent.segment))
        self.carrier.send([unsent.block.part(unsent.rank, unsent.segment, count, self._now())], self._receive)
        return count
