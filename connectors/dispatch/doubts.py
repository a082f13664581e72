"""Messages of one carrier whose answer did not come: which go out once more, and what an answer means that comes after all.

In: results without an answer; answers that come later (the same `ref` once more); what is about to be noted of a load. Out:
the outcome to note: `unanswered` the first time in a lane that sends once more, while validity and campaign allow it, else
`uncertain`; outcomes brought by late answers. What goes once more stands in `load.again` until it has its outcome. A late
answer to the first submit ends the message: before the second has gone out it never goes; while the second is on its way
the word "taken" wins over whatever the second one brings. An answer to a message that is `uncertain` for good is noted
behind that. Refused for the moment, a message that goes once more anyway still does.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from connectors.carriers.contract import Carrier, Result, Unknown
from connectors.dispatch.attempt_blocks import RANK_BITS, AttemptBlock
from connectors.dispatch.batch_queue import BatchQueue, QueuedBatch
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from connectors.dispatch.send_batch import SendBatch
from connectors.dispatch.settling import Answers, Outcome
from schemas.values.lanes import SENT_ONCE_MORE
from schemas.values.reasons import Reason

MOST = 10_000
GOING_ON = frozenset({"not_submitted", "unanswered"})
Doubt = tuple[AttemptBlock, QueuedBatch, int]


class Doubts:
    """`open`: by `ref`, the newest messages whose answer may still come; looked at before any other use of a result."""

    def __init__(self, queue: BatchQueue, matcher: ReceiptMatcher, over: Callable[[SendBatch], Reason | None]) -> None:
        self.open: OrderedDict[int, Doubt] = OrderedDict()
        self._queue = queue
        self._matcher = matcher
        self._over = over

    def doubted(self, block: AttemptBlock, work: QueuedBatch, rank: int, result: Unknown, outcome: Outcome) -> Outcome:
        """What to note of a message without an answer. `outcome`: uncertain."""
        load = work.load
        if not result.lost:
            self.open[block.number << RANK_BITS | rank] = block, work, rank
            if len(self.open) > MOST:
                self.open.popitem(last=False)
        if work.owned.lane not in SENT_ONCE_MORE or rank in load.again or self._over(load) is not None:
            return outcome
        load.again[rank] = outcome.reason
        if outcome.ids:
            load.kept[rank] = outcome.ids
        return replace(outcome, outcome="unanswered")

    def answered(self, carrier: Carrier, result: Result) -> QueuedBatch | None:
        """An answer came late. The load whose answers are to be noted now, if it ends a message."""
        block, work, rank = self.open.pop(result.ref)
        load = work.load
        ids = self._matcher.learn_parts([carrier.stored_id(one) for one in result.ids], load.facts, rank)
        outcome = block.late(rank, result, ids)
        if work.owned.closed or rank in work.through:
            return None
        if rank not in load.again:
            work.through.add(rank)
            answers = Answers()
            answers.put(rank, outcome)
            work.owned.settle_late(load, answers)
        elif outcome.outcome == "partial" and outcome.code is None:
            load.kept[rank] = outcome.ids
        elif outcome.outcome != "transient":
            if load.withdraw(rank):
                self._queue.touch(work)
                work.answers.put(rank, outcome)
                return work
            work.late[rank] = outcome
        return None

    def conclude(self, work: QueuedBatch, answers: Answers) -> None:
        """Before these answers are noted: those that end a message's second try."""
        again, late = work.load.again, work.late
        for rank in [rank for rank in again if rank in answers.sent or rank in answers.other]:
            other, first = answers.other.get(rank), late.get(rank)
            if first is not None and (first.outcome == "sent" or (other is not None and other.outcome == "unanswered")):
                answers.take_late(rank, first)
            elif other is not None and other.outcome in GOING_ON:
                continue
            del again[rank]
            late.pop(rank, None)
            work.load.kept.pop(rank, None)
            if rank in answers.sent or answers.other[rank].outcome != "uncertain":
                work.through.add(rank)
