"""What a carrier's results mean for the messages that were submitted to it, and what becomes of each message then.

In: blocks on their way, results of the carrier connection. Out: outcomes to the partition's log of calls, gathered for a
moment; carrier ids to the receipt matcher; messages that go again, back at their place in the queue once the log says that
they may; segments that have yet to go. A carrier that refuses is slowed down, or one destination backs off (`throttles.py`);
one whose codes nobody knows is held back (`code_brake.py`). Results of blocks that nobody waits for are ignored. Nothing is
raised.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

from connectors.carriers.contract import Accepted, Carrier, NotSent, Result, Throttled, Unknown
from connectors.dispatch.attempt_blocks import RANK_BITS, RANK_MASK, AttemptBlock, UnsentSegments, in_flight
from connectors.dispatch.batch_outcomes import BatchOutcomes, Outcome
from connectors.dispatch.batch_queue import BatchQueue, ReasonToStop
from connectors.dispatch.carrier_id_cache import plain
from connectors.dispatch.code_brake import CodeBrake, is_unlisted
from connectors.dispatch.lane_queue import QueuedBatch
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from connectors.dispatch.refusals import RefusalCause
from connectors.dispatch.settle_buffer import SettleBuffer
from connectors.dispatch.throttles import Throttles
from connectors.dispatch.uncertain_sends import UncertainSends
from schemas.values.call_outcome import CallOutcome
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason


class ResultHandler:
    """Of one sender. `blocks`: submitted, or about to be, and without their last answer, by number. `unsent`: messages of
    which segments have yet to go. `wake`: something may go now. `carrier_recovered`: a carrier that refused everybody has
    accepted a message again."""

    def __init__(
        self,
        queue: BatchQueue,
        matcher: ReceiptMatcher,
        reason_to_stop: ReasonToStop,
        *,
        wake: Callable[[], None],
        carrier_recovered: Callable[[], None],
    ) -> None:
        self.blocks: dict[int, tuple[AttemptBlock, QueuedBatch]] = {}
        self.unsent: deque[UnsentSegments] = deque()
        self.throttles = Throttles(wake)
        self.code_brake = CodeBrake()
        self._queue = queue
        self._matcher = matcher
        self._reason_to_stop = reason_to_stop
        self._wake = wake
        self._carrier_recovered = carrier_recovered
        self._uncertain = UncertainSends(queue, matcher, reason_to_stop)
        self._settle_buffer = SettleBuffer(self._settle)
        self.flush = self._settle_buffer.flush
        self._loop = asyncio.get_running_loop()
        matcher.in_flight = partial(in_flight, self.blocks)

    def on_results(self, carrier: Carrier, results: list[Result]) -> None:
        """Results that came together, over this connection."""
        blocks, stored, learn, awaited = self.blocks, carrier.stored_id, self._matcher.learn, self._uncertain.awaited
        self.throttles.begin_results(blocks, results)
        self._time_answer(results)
        finished: set[QueuedBatch] = set()
        unlisted = False
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
                unlisted |= is_unlisted(result)
                cause = self.throttles.classify(block.batch.messages.destinations[rank], result, results)
                self._on_result(carrier, block, queued, rank, result, cause)
            if block.unanswered == 0:
                del blocks[block.number]
                finished.add(queued)
            else:
                self._settle_buffer.add(queued)
        if unlisted or self.code_brake.watching:
            self.code_brake.record(results, self._loop.time())
        if self.throttles.end_results(len(results)):
            self._carrier_recovered()
        for queued in finished:
            self._settle_buffer.discard(queued)
            self._settle(queued)
        self._settle_buffer.flush_soon()
        self._wake()

    def _time_answer(self, results: list[Result]) -> None:
        """How long one of the answers that came together took. Those of marketing tell, for it alone is held back."""
        first, now = results[0], self._loop.time()
        block, queued = self.blocks.get(first.ref >> RANK_BITS, (None, None))
        if block is None or queued is None or queued.owned.lane is not Lane.MARKETING:
            return
        if type(first) is Accepted and not block.texts:
            self.throttles.brake.answer_times.record(now - block.submitted_at, now, len(results))

    def add_outcome(self, block: AttemptBlock, queued: QueuedBatch, rank: int, outcome: Outcome) -> None:
        """An outcome that no result brought."""
        queued.outcomes.other[rank] = outcome
        block.unanswered -= 1
        if block.unanswered == 0:
            self.blocks.pop(block.number, None)
        self._settle_buffer.add(queued)
        self._settle_buffer.flush_soon()

    def give_up_unsent(self, unsent: UnsentSegments) -> None:
        """The missing segments of a message will never go."""
        ids = unsent.block.ids[unsent.rank]
        self.add_outcome(
            unsent.block, unsent.queued, unsent.rank, Outcome(outcome=CallOutcome.PARTIAL, reason=Reason.PARTIAL, ids=ids)
        )

    def sweep(self) -> None:
        """Once a second: segments of closed partitions are forgotten, those past the message's validity given up."""
        left: deque[UnsentSegments] = deque()
        for unsent in self.unsent:
            if unsent.queued.owned.closed:
                self.blocks.pop(unsent.block.number, None)
            elif self._reason_to_stop(unsent.queued.batch) is Reason.VALIDITY_ENDED:
                self.give_up_unsent(unsent)
            else:
                left.append(unsent)
        self.unsent = left
        self.throttles.sweep()
        self.flush()

    def forget_closed_partitions(self) -> None:
        """Nobody may write what comes of the blocks of closed partitions."""
        for number in [number for number, (_, queued) in self.blocks.items() if queued.owned.closed]:
            del self.blocks[number]
        self.unsent = deque(unsent for unsent in self.unsent if not unsent.queued.owned.closed)

    def _on_result(
        self,
        carrier: Carrier,
        block: AttemptBlock,
        queued: QueuedBatch,
        rank: int,
        result: Result,
        cause: RefusalCause | None,
    ) -> None:
        ids = self._matcher.learn_parts([carrier.stored_id(one) for one in result.ids], block.batch.messages, rank)
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
                self.throttles.retry(block.batch.messages.destinations[rank], partial(self._requeue_segments, unsent))
            else:
                self.unsent.append(unsent)

    def _settle(self, queued: QueuedBatch) -> None:
        outcomes, queued.outcomes = queued.outcomes, BatchOutcomes()
        if outcomes and not queued.owned.closed:
            self._uncertain.end_second_tries(queued, outcomes)
            queued.owned.write_outcomes(queued.batch, outcomes, partial(self._send_again, queued))

    def _send_again(self, queued: QueuedBatch, ranks: list[int]) -> None:
        """The log says that the carrier does not have them, or may have them: they wait again, in front."""
        for rank in ranks:
            self.throttles.retry(queued.batch.messages.destinations[rank], partial(self._requeue, queued, rank))

    def _requeue(self, queued: QueuedBatch, rank: int) -> None:
        if late := queued.late_outcomes.get(rank):
            queued.outcomes.put(rank, late)
            self._settle_buffer.add(queued)
            self._settle_buffer.flush_soon()
        else:
            self._queue.give_back(queued, rank)
        self._wake()

    def _requeue_segments(self, unsent: UnsentSegments) -> None:
        if not unsent.queued.owned.closed:
            self.unsent.appendleft(unsent)
