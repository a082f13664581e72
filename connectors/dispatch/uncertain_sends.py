"""Messages of one carrier whose answer did not come: which go out once more, and what an answer means that comes after all.

In: results without an answer; answers that come later (the same `ref` once more); outcomes about to be written. Out: the
outcome to write: `unanswered` for a first try in a lane that sends once more, while validity and campaign allow it, else
`uncertain`; outcomes brought by late answers. What goes once more is kept in `second_tries` of its batch until it has its
outcome. A late answer to the first submit ends the message: if the second has not gone out yet, it never goes; if it has,
"accepted" wins over whatever the second one brings. An answer to a message that is `uncertain` for good is written behind
that. A late "not now" is ignored for a message that goes once more anyway.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from connectors.carriers.contract import Carrier, Result, Unknown
from connectors.dispatch.attempt_blocks import RANK_BITS, AttemptBlock
from connectors.dispatch.batch_outcomes import NOT_FINAL, BatchOutcomes, Outcome
from connectors.dispatch.batch_queue import BatchQueue
from connectors.dispatch.lane_queue import QueuedBatch
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from connectors.dispatch.send_batch import SendBatch
from schemas.values.call_outcome import CallOutcome
from schemas.values.lanes import SENT_ONCE_MORE
from schemas.values.reasons import Reason

MOST_AWAITED = 10_000
UncertainSend = tuple[AttemptBlock, QueuedBatch, int]
"""(block, batch, rank)."""


class UncertainSends:
    """`awaited`: by `ref`, the newest messages whose answer may still come. Ask it first about every result."""

    def __init__(
        self, queue: BatchQueue, matcher: ReceiptMatcher, reason_to_stop: Callable[[SendBatch], Reason | None]
    ) -> None:
        self.awaited: OrderedDict[int, UncertainSend] = OrderedDict()
        self._queue = queue
        self._matcher = matcher
        self._reason_to_stop = reason_to_stop

    def on_unanswered(
        self, block: AttemptBlock, queued: QueuedBatch, rank: int, result: Unknown, outcome: Outcome
    ) -> Outcome:
        """The outcome to write for a message without an answer. `outcome`: uncertain, with its reason and ids."""
        batch = queued.batch
        if not result.lost:
            self.awaited[block.number << RANK_BITS | rank] = block, queued, rank
            if len(self.awaited) > MOST_AWAITED:
                self.awaited.popitem(last=False)
        if queued.owned.lane not in SENT_ONCE_MORE or rank in batch.second_tries or self._reason_to_stop(batch) is not None:
            return outcome
        batch.second_tries[rank] = outcome.reason
        if outcome.ids:
            batch.accepted_ids[rank] = outcome.ids
        return replace(outcome, outcome=CallOutcome.UNANSWERED)

    def on_late_answer(self, carrier: Carrier, result: Result) -> QueuedBatch | None:
        """An answer came late. Gives the batch whose outcomes are to be written now, if this ends a message."""
        block, queued, rank = self.awaited.pop(result.ref)
        batch = queued.batch
        ids = self._matcher.learn_parts([carrier.stored_id(one) for one in result.ids], batch.messages, rank)
        outcome = block.late(rank, result, ids)
        if queued.owned.closed or rank in queued.finished:
            return None
        if rank not in batch.second_tries:
            queued.finished.add(rank)
            outcomes = BatchOutcomes()
            outcomes.put(rank, outcome)
            queued.owned.write_late_outcomes(batch, outcomes)
        elif outcome.outcome == CallOutcome.PARTIAL and outcome.code is None:
            batch.accepted_ids[rank] = outcome.ids
        elif outcome.outcome != CallOutcome.TRANSIENT:
            if batch.reclaim(rank):
                self._queue.mark_changed(queued)
                queued.outcomes.put(rank, outcome)
                return queued
            queued.late_outcomes[rank] = outcome
        return None

    def end_second_tries(self, queued: QueuedBatch, outcomes: BatchOutcomes) -> None:
        """Before these outcomes are written: settle which of two tries counts, for messages that went out twice."""
        again, late = queued.batch.second_tries, queued.late_outcomes
        for rank in [rank for rank in again if rank in outcomes.sent or rank in outcomes.other]:
            other, first = outcomes.other.get(rank), late.get(rank)
            if first is not None and (
                first.outcome == CallOutcome.SENT or (other is not None and other.outcome == CallOutcome.UNANSWERED)
            ):
                outcomes.put_late(rank, first)
            elif other is not None and other.outcome in NOT_FINAL:
                continue
            del again[rank]
            late.pop(rank, None)
            queued.batch.accepted_ids.pop(rank, None)
            if rank in outcomes.sent or outcomes.other[rank].outcome != CallOutcome.UNCERTAIN:
                queued.finished.add(rank)
