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
from connectors.dispatch.attempt_blocks import RANK_BITS, RANK_MASK, AttemptBlock, Flight, in_flight
from connectors.dispatch.batch_queue import BatchQueue, QueuedBatch
from connectors.dispatch.doubts import Doubts
from connectors.dispatch.gathering import Gathering
from connectors.dispatch.known_ids import plain
from connectors.dispatch.leases import Leases
from connectors.dispatch.owned_partition import OwnedPartition
from connectors.dispatch.pacing import Pacer
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from connectors.dispatch.refusals import Word
from connectors.dispatch.send_batch import SendBatch
from connectors.dispatch.settling import Outcome
from connectors.dispatch.throttles import Throttles
from connectors.dispatch.whole_messages import WholeMessages
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason

LARGEST_BLOCK = 256

Over = Callable[[SendBatch], Reason | None]


class CarrierSender:
    """`rate` in segments per second and `window` (messages in flight over all binds) may be changed at any time."""

    def __init__(
        self,
        carrier: Carrier,
        queue: BatchQueue,
        matcher: ReceiptMatcher,
        leases: Leases,
        over: Over,
        now: Callable[[], int],
        *,
        rate: float,
        window: int,
        whole: bool = False,
    ) -> None:
        self.send_over(carrier, window, whole=whole)
        self.queue = queue
        self.matcher = matcher
        self.rate = rate
        self._throttles = Throttles(self.wake)
        self.brake = self._throttles.brake
        self._pacer = Pacer()
        self._leases = leases
        self._over = over
        self._doubts = Doubts(queue, matcher, over)
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._blocks: dict[int, tuple[AttemptBlock, QueuedBatch]] = {}
        matcher.in_flight = partial(in_flight, self._blocks)
        self._number = 0
        self._awaiting: dict[int, int] = {}  # by block: messages whose start is not acknowledged yet
        self._reserved = 0
        self._further: deque[Flight] = deque()
        self._gathering = Gathering(self._settle)
        self._woken = self._asking = self._draining = False
        self._timer: asyncio.TimerHandle | None = None

    def in_flight_of(self, owned_partitions: Collection[OwnedPartition]) -> int:
        """Blocks of these owned_partitions without their last answer."""
        return sum(work.owned in owned_partitions for _, work in self._blocks.values())

    def send_over(self, carrier: Carrier, window: int, *, whole: bool) -> None:
        """From now on over this connection; what is in flight over another one is answered by that one. `whole`: it takes
        all segments of a message at once."""
        self.carrier = carrier
        self.window = window
        self._whole = WholeMessages() if whole else None
        self._receive = partial(self._on_results, carrier)

    def add(self, work: QueuedBatch) -> None:
        """Take this on."""
        self.queue.add(work)
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

    def settle_open(self) -> None:
        """Write the answers that have come."""
        self._gathering.flush()

    def sweep(self) -> None:
        """Once a second: what is over goes back, wherever it stands; segments that can go no more are given up."""
        self.queue.sweep(self._over)
        left: deque[Flight] = deque()
        for flight in self._further:
            if flight.work.owned.closed:
                self._blocks.pop(flight.block.number, None)
            elif self._over(flight.work.load) is Reason.VALIDITY_ENDED:
                self._give_up_rest(flight)
            else:
                left.append(flight)
        self._further = left
        if self._whole is not None and not self.queue:
            self._whole.forget()
        self._throttles.sweep()
        self.settle_open()
        self.wake()

    # What may go now

    def _pump(self) -> None:
        self._woken = False
        if not self.carrier.connected or not (self._further or (self.queue and not self._draining)):
            return
        now = self._loop.time()
        if now < self.brake.until:
            self._look_again(self.brake.until)
            return
        slots = self.carrier.room() - self._reserved
        tokens = self._pacer.available(now)
        before = tokens
        while self._further and slots > 0 and tokens > 0:
            tokens -= self._send_further(tokens)
            slots -= 1
        while slots > 0 and tokens > 0 and not self._draining:
            work = self.queue.front(self._over)
            count = cost = 0 if work is None else self._block_size(work, slots, tokens)
            if work is not None and count and self._whole is not None:
                count, cost = self._whole.pay(work.load.next_costs(count), tokens)
            tokens -= cost
            if work is None or count == 0:
                break
            self._start(work, count)
            slots -= count
        self._pacer.spend(before - tokens, now)
        if slots > 0 and (self.queue or self._further):
            self._ask(now)
            if tokens == 0 and not self._asking:
                self._look_again(self._pacer.next_at(now) or self._pacer.ask_at)

    def _block_size(self, work: QueuedBatch, slots: int, tokens: int) -> int:
        """How many messages the next block takes; 0 = wait until more of the window is free."""
        load = work.load
        if load.alone:
            return 1
        most = min(max(1, min(LARGEST_BLOCK, self.window // 4)), load.waiting)
        if slots < most and work.owned.lane is Lane.MARKETING and (self._blocks or self._reserved):
            return 0
        return min(most, slots, tokens)

    def _look_again(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self.wake)

    def _ask(self, now: float) -> None:
        if self._asking or not self._pacer.wants(now):
            return
        self._asking = True
        task = self._loop.create_task(self._lease(), name="lease")
        task.add_done_callback(self._leased)

    async def _lease(self) -> tuple[int, float]:
        wanted = len(self._further) + self.queue.demand(LARGEST_BLOCK * 256)
        return await self._leases.ask(self.queue.urgent, wanted, self.rate)

    def _leased(self, task: asyncio.Task[tuple[int, float]]) -> None:
        self._asking = False
        if not task.cancelled():
            count, rate = task.result()
            self._pacer.granted(count, self.brake.pace(rate), self._loop.time())
            self.wake()

    # Blocks

    def _start(self, work: QueuedBatch, count: int) -> None:
        ranks = work.load.take(count)
        self.queue.touch(work)
        self._number += 1
        block = AttemptBlock(self._number, work.load, ranks)
        self._awaiting[block.number] = len(ranks)
        self._reserved += len(ranks)
        self._blocks[block.number] = (block, work)
        work.owned.start(work.load, ranks, lambda: self._go(block, work))

    def _go(self, block: AttemptBlock, work: QueuedBatch) -> None:
        """The start stands in the log: now, and only now, the first byte."""
        self._reserved -= self._awaiting.pop(block.number, 0)
        submits, bad = block.submits(self._now(), whole=self._whole is not None)
        for rank, outcome in bad.items():
            self._answer(block, work, rank, outcome)
        if submits:
            self.carrier.send(submits, self._receive)

    def forget_closed(self) -> None:
        """Homes were closed: their blocks that wait for an acknowledgement will never get one."""
        for number, (_, work) in list(self._blocks.items()):
            if work.owned.closed:
                del self._blocks[number]
                self._awaiting.pop(number, None)
        self._reserved = sum(self._awaiting.values())
        self._further = deque(flight for flight in self._further if not flight.work.owned.closed)

    def _send_further(self, tokens: int) -> int:
        """The next segments of one message, as many as there are tokens for; how many."""
        flight = self._further.popleft()
        if self._whole is not None:  # its kind was changed between two segments: the new one has no use for the rest
            self._give_up_rest(flight)
            return 0
        count = min(tokens, flight.block.segments_left(flight.rank, flight.part))
        self.carrier.send([flight.block.part(flight.rank, flight.part, count, self._now())], self._receive)
        return count

    def _give_up_rest(self, flight: Flight) -> None:
        """The segments of a message that are missing can go no more."""
        ids = flight.block.ids[flight.rank]
        self._answer(flight.block, flight.work, flight.rank, Outcome(outcome="partial", reason=Reason.PARTIAL, ids=ids))

    def _on_results(self, carrier: Carrier, results: list[Result]) -> None:
        blocks, stored, learn, doubts = self._blocks, carrier.stored_id, self.matcher.learn, self._doubts.open
        self._throttles.hear(blocks, results)
        finished: set[QueuedBatch] = set()
        for result in results:
            if doubts and result.ref in doubts:
                if (late := self._doubts.answered(carrier, result)) is not None:
                    self._gathering.add(late)
                continue
            rank = result.ref & RANK_MASK
            entry = blocks.get(result.ref >> RANK_BITS)
            if entry is None:
                continue
            block, work = entry
            if type(result) is Accepted and not block.texts and len(result.ids) == 1:
                carrier_id = plain(stored(result.ids[0]))
                learn(carrier_id, block.load.facts, rank)
                work.answers.sent[rank] = carrier_id
                block.left -= 1
            else:
                word = self._throttles.other(block.load.facts.numbers[rank], result, results)
                self._on_other(carrier, block, work, rank, result, word)
            if block.left == 0:
                del blocks[block.number]
                finished.add(work)
            else:
                self._gathering.add(work)
        if self._throttles.end(len(results)):
            self._pacer.give_up()
        for work in finished:
            self._gathering.discard(work)
            self._settle(work)
        self._gathering.soon()
        self.wake()

    def _on_other(
        self, carrier: Carrier, block: AttemptBlock, work: QueuedBatch, rank: int, result: Result, word: Word | None
    ) -> None:
        ids = self.matcher.learn_parts([carrier.stored_id(one) for one in result.ids], block.load.facts, rank)
        next_ = block.progress(rank, result, ids, put_off_at=self._loop.time() if word is Word.PUT_OFF else None)
        if next_ is None:
            work.answers.sent[rank] = ",".join(block.ids[rank])
            block.left -= 1
        elif isinstance(next_, Outcome):
            if isinstance(result, Unknown):
                next_ = self._doubts.doubted(block, work, rank, result, next_)
            work.answers.other[rank] = next_
            block.left -= 1
        else:
            flight = Flight(block=block, work=work, rank=rank, part=next_)
            if isinstance(result, Throttled | NotSent):
                self._throttles.again(block.load.facts.numbers[rank], partial(self._once_more, flight))
            else:
                self._further.append(flight)

    def _answer(self, block: AttemptBlock, work: QueuedBatch, rank: int, outcome: Outcome) -> None:
        """An outcome that no result brought."""
        work.answers.other[rank] = outcome
        block.left -= 1
        if block.left == 0:
            self._blocks.pop(block.number, None)
        self._gathering.add(work)
        self._gathering.soon()

    def _settle(self, work: QueuedBatch) -> None:
        answers, work.answers = work.answers, type(work.answers)()
        if answers and not work.owned.closed:
            self._doubts.conclude(work, answers)
            work.owned.settle(work.load, answers, partial(self._take_back, work))

    def _take_back(self, work: QueuedBatch, ranks: list[int]) -> None:
        """The log says that the carrier has not taken them, or may have them: they are the next again."""
        for rank in ranks:
            self._throttles.again(work.load.facts.numbers[rank], partial(self._give_back, work, rank))

    def _give_back(self, work: QueuedBatch, rank: int) -> None:
        if late := work.late.get(rank):
            work.answers.put(rank, late)
            self._gathering.add(work)
            self._gathering.soon()
        else:
            self.queue.give_back(work, rank)
        self.wake()

    def _once_more(self, flight: Flight) -> None:
        if not flight.work.owned.closed:
            self._further.appendleft(flight)
