"""The sender of one carrier: takes messages from its queue as window and tokens allow, and sees each one through.

In: work, room and results of the carrier connection, tokens. Out: blocks: `Started` in the log, on its acknowledgement the
submits, on the answers a `Settled`. Segments still missing of a message go before anything else; a message that the carrier
did not take goes back to its place in front as soon as the log says so, and what is refused while others are taken steps
back, and leaves (`refusals.py`). Nothing is sent while the carrier is not connected: work waits, and ends with its
validity. After `drain` nothing new is started; what is in flight is still settled.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from functools import partial

from connectors.carriers.contract import Accepted, Carrier, NotSent, Result, Throttled, Unknown
from connectors.dispatch.attempt_blocks import RANK_BITS, RANK_MASK, AttemptBlock, UnsentSegments, in_flight
from connectors.dispatch.batch_queue import BatchQueue, QueuedBatch
from connectors.dispatch.carrier_id_cache import plain
from connectors.dispatch.leases import Leases
from connectors.dispatch.owned_partition import OwnedPartition
from connectors.dispatch.pacing import Pacer
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from connectors.dispatch.refusals import RefusalCause
from connectors.dispatch.send_batch import SendBatch
from connectors.dispatch.settle_buffer import SettleBuffer
from connectors.dispatch.settled_records import Outcome
from connectors.dispatch.throttles import Throttles
from connectors.dispatch.uncertain_sends import UncertainSends
from connectors.dispatch.whole_messages import WholeMessages
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason

LARGEST_BLOCK = 256

ReasonToEnd = Callable[[SendBatch], Reason | None]


class CarrierSender:
    """`rate` in segments per second and `window` (messages in flight over all binds) may be changed at any time."""

    def __init__(
        self,
        carrier: Carrier,
        queue: BatchQueue,
        matcher: ReceiptMatcher,
        leases: Leases,
        reason_to_end: ReasonToEnd,
        now: Callable[[], int],
        *,
        rate: float,
        window: int,
        whole: bool = False,
    ) -> None:
        self.use_connection(carrier, window, whole=whole)
        self.queue = queue
        self.matcher = matcher
        self.rate = rate
        self._throttles = Throttles(self.wake)
        self.brake = self._throttles.brake
        self._pacer = Pacer()
        self._leases = leases
        self._reason_to_end = reason_to_end
        self._uncertain = UncertainSends(queue, matcher, reason_to_end)
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._blocks: dict[int, tuple[AttemptBlock, QueuedBatch]] = {}
        matcher.in_flight = partial(in_flight, self._blocks)
        self._number = 0
        self._unacknowledged: dict[int, int] = {}  # by block: messages whose start is not acknowledged yet
        self._reserved = 0
        self._unsent: deque[UnsentSegments] = deque()
        self._settle_buffer = SettleBuffer(self._settle)
        self._woken = self._leasing = self._draining = False
        self._timer: asyncio.TimerHandle | None = None

    def blocks_in_flight(self, owned_partitions: Collection[OwnedPartition]) -> int:
        """Blocks of these owned_partitions without their last answer."""
        return sum(queued.owned in owned_partitions for _, queued in self._blocks.values())

    def use_connection(self, carrier: Carrier, window: int, *, whole: bool) -> None:
        """From now on over this connection; what is in flight over another one is answered by that one. `whole`: it takes
        all segments of a message at once."""
        self.carrier = carrier
        self.window = window
        self._whole = WholeMessages() if whole else None
        self._receive = partial(self._on_results, carrier)

    def enqueue(self, queued: QueuedBatch) -> None:
        """Take this on."""
        self.queue.enqueue(queued)
        self.wake()

    def wake(self) -> None:
        """Something may go now: look at the end of this turn of the loop."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._pump)

    def drain(self) -> None:
        """Start nothing any more; missing segments of what was started still go."""
        self._draining = True
        self._throttles.drain()

    def flush_outcomes(self) -> None:
        """Write the answers that have come."""
        self._settle_buffer.flush()

    def sweep(self) -> None:
        """Once a second: what is over goes back, wherever it stands; segments that can go no more are given up."""
        self.queue.sweep(self._reason_to_end)
        left: deque[UnsentSegments] = deque()
        for unsent in self._unsent:
            if unsent.queued.owned.closed:
                self._blocks.pop(unsent.block.number, None)
            elif self._reason_to_end(unsent.queued.batch) is Reason.VALIDITY_ENDED:
                self._give_up_unsent(unsent)
            else:
                left.append(unsent)
        self._unsent = left
        if self._whole is not None and not self.queue:
            self._whole.forget()
        self._throttles.sweep()
        self.flush_outcomes()
        self.wake()

    # What may go now

    def _pump(self) -> None:
        self._woken = False
        if not self.carrier.connected or not (self._unsent or (self.queue and not self._draining)):
            return
        now = self._loop.time()
        if now < self.brake.until:
            self._look_again(self.brake.until)
            return
        slots = self.carrier.room() - self._reserved
        tokens = self._pacer.available(now)
        before = tokens
        while self._unsent and slots > 0 and tokens > 0:
            tokens -= self._send_segments(tokens)
            slots -= 1
        while slots > 0 and tokens > 0 and not self._draining:
            queued = self.queue.next_batch(self._reason_to_end)
            count = cost = 0 if queued is None else self._block_size(queued, slots, tokens)
            if queued is not None and count and self._whole is not None:
                count, cost = self._whole.pay(queued.batch.next_costs(count), tokens)
            tokens -= cost
            if queued is None or count == 0:
                break
            self._start(queued, count)
            slots -= count
        self._pacer.spend(before - tokens, now)
        if slots > 0 and (self.queue or self._unsent):
            self._request_lease(now)
            if tokens == 0 and not self._leasing:
                self._look_again(self._pacer.next_at(now) or self._pacer.ask_at)

    def _block_size(self, queued: QueuedBatch, slots: int, tokens: int) -> int:
        """How many messages the next block takes; 0 = wait until more of the window is free."""
        batch = queued.batch
        if batch.one_at_a_time:
            return 1
        most = min(max(1, min(LARGEST_BLOCK, self.window // 4)), batch.waiting)
        if slots < most and queued.owned.lane is Lane.MARKETING and (self._blocks or self._reserved):
            return 0
        return min(most, slots, tokens)

    def _look_again(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self.wake)

    def _request_lease(self, now: float) -> None:
        if self._leasing or not self._pacer.wants(now):
            return
        self._leasing = True
        task = self._loop.create_task(self._lease(), name="lease")
        task.add_done_callback(self._on_lease)

    async def _lease(self) -> tuple[int, float]:
        wanted = len(self._unsent) + self.queue.demand(LARGEST_BLOCK * 256)
        return await self._leases.ask(self.queue.urgent, wanted, self.rate)

    def _on_lease(self, task: asyncio.Task[tuple[int, float]]) -> None:
        self._leasing = False
        if not task.cancelled():
            count, rate = task.result()
            self._pacer.granted(count, self.brake.pace(rate), self._loop.time())
            self.wake()

    # Blocks

    def _start(self, queued: QueuedBatch, count: int) -> None:
        ranks = queued.batch.next_ranks(count)
        self.queue.mark_changed(queued)
        self._number += 1
        block = AttemptBlock(self._number, queued.batch, ranks)
        self._unacknowledged[block.number] = len(ranks)
        self._reserved += len(ranks)
        self._blocks[block.number] = (block, queued)
        queued.owned.write_started(queued.batch, ranks, lambda: self._submit(block, queued))

    def _submit(self, block: AttemptBlock, queued: QueuedBatch) -> None:
        """The start stands in the log: now, and only now, the first byte."""
        self._reserved -= self._unacknowledged.pop(block.number, 0)
        submits, bad = block.submits(self._now(), whole=self._whole is not None)
        for rank, outcome in bad.items():
            self._add_outcome(block, queued, rank, outcome)
        if submits:
            self.carrier.send(submits, self._receive)

    def forget_closed_partitions(self) -> None:
        """Homes were closed: their blocks that wait for an acknowledgement will never get one."""
        for number, (_, queued) in list(self._blocks.items()):
            if queued.owned.closed:
                del self._blocks[number]
                self._unacknowledged.pop(number, None)
        self._reserved = sum(self._unacknowledged.values())
        self._unsent = deque(unsent for unsent in self._unsent if not unsent.queued.owned.closed)

    def _send_segments(self, tokens: int) -> int:
        """The next segments of one message, as many as there are tokens for; how many."""
        unsent = self._unsent.popleft()
        if self._whole is not None:  # its kind was changed between two segments: the new one has no use for the rest
            self._give_up_unsent(unsent)
            return 0
        count = min(tokens, unsent.block.segments_left(unsent.rank, unsent.segment))
        self.carrier.send([unsent.block.part(unsent.rank, unsent.segment, count, self._now())], self._receive)
        return count

    def _give_up_unsent(self, unsent: UnsentSegments) -> None:
        """The segments of a message that are missing can go no more."""
        ids = unsent.block.ids[unsent.rank]
        self._add_outcome(
            unsent.block, unsent.queued, unsent.rank, Outcome(outcome="partial", reason=Reason.PARTIAL, ids=ids)
        )

    def _on_results(self, carrier: Carrier, results: list[Result]) -> None:
        blocks, stored, learn, awaited = self._blocks, carrier.stored_id, self.matcher.learn, self._uncertain.awaited
        self._throttles.begin_results(blocks, results)
        finished: set[QueuedBatch] = set()
        for result in results:
            if awaited and result.ref in awaited:
                if (late := self._uncertain.on_late_answer(carrier, result)) is not None:
                    self._settle_buffer.add(late)
                continue
            rank = result.ref & RANK_MASK
            entry = blocks.get(result.ref >> RANK_BITS)
            if entry is None:
                continue
            block, queued = entry
            if type(result) is Accepted and not block.texts and len(result.ids) == 1:
                carrier_id = plain(stored(result.ids[0]))
                learn(carrier_id, block.batch.messages, rank)
                queued.outcomes.sent[rank] = carrier_id
                block.unanswered -= 1
            else:
                cause = self._throttles.classify(block.batch.messages.destinations[rank], result, results)
                self._on_result(carrier, block, queued, rank, result, cause)
            if block.unanswered == 0:
                del blocks[block.number]
                finished.add(queued)
            else:
                self._settle_buffer.add(queued)
        if self._throttles.end_results(len(results)):
            self._pacer.give_up()
        for queued in finished:
            self._settle_buffer.discard(queued)
            self._settle(queued)
        self._settle_buffer.flush_soon()
        self.wake()

    def _on_result(
        self,
        carrier: Carrier,
        block: AttemptBlock,
        queued: QueuedBatch,
        rank: int,
        result: Result,
        cause: RefusalCause | None,
    ) -> None:
        ids = self.matcher.learn_parts([carrier.stored_id(one) for one in result.ids], block.batch.messages, rank)
        next_ = block.progress(rank, result, ids, put_off_at=self._loop.time() if cause is RefusalCause.PUT_OFF else None)
        if next_ is None:
            queued.outcomes.sent[rank] = ",".join(block.ids[rank])
            block.unanswered -= 1
        elif isinstance(next_, Outcome):
            if isinstance(result, Unknown):
                next_ = self._uncertain.on_unanswered(block, queued, rank, result, next_)
            queued.outcomes.other[rank] = next_
            block.unanswered -= 1
        else:
            unsent = UnsentSegments(block=block, queued=queued, rank=rank, segment=next_)
            if isinstance(result, Throttled | NotSent):
                self._throttles.retry(block.batch.messages.destinations[rank], partial(self._requeue_segments, unsent))
            else:
                self._unsent.append(unsent)

    def _add_outcome(self, block: AttemptBlock, queued: QueuedBatch, rank: int, outcome: Outcome) -> None:
        """An outcome that no result brought."""
        queued.outcomes.other[rank] = outcome
        block.unanswered -= 1
        if block.unanswered == 0:
            self._blocks.pop(block.number, None)
        self._settle_buffer.add(queued)
        self._settle_buffer.flush_soon()

    def _settle(self, queued: QueuedBatch) -> None:
        outcomes, queued.outcomes = queued.outcomes, type(queued.outcomes)()
        if outcomes and not queued.owned.closed:
            self._uncertain.end_second_tries(queued, outcomes)
            queued.owned.write_outcomes(queued.batch, outcomes, partial(self._send_again, queued))

    def _send_again(self, queued: QueuedBatch, ranks: list[int]) -> None:
        """The log says that the carrier has not taken them, or may have them: they are the next again."""
        for rank in ranks:
            self._throttles.retry(queued.batch.messages.destinations[rank], partial(self._requeue, queued, rank))

    def _requeue(self, queued: QueuedBatch, rank: int) -> None:
        if late := queued.late_outcomes.get(rank):
            queued.outcomes.put(rank, late)
            self._settle_buffer.add(queued)
            self._settle_buffer.flush_soon()
        else:
            self.queue.give_back(queued, rank)
        self.wake()

    def _requeue_segments(self, unsent: UnsentSegments) -> None:
        if not unsent.queued.owned.closed:
            self._unsent.appendleft(unsent)
