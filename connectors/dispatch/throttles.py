"""What follows when a carrier throttles: the carrier is slowed down, or one destination backs off.

In: the results of a batch, before and while they are handled; messages that are to go again. Out: the carrier's pace; the
cause of each refusal; messages put back at their time. Order for a batch of results: `begin_results`, then `classify` for
each that is no plain acceptance, then `end_results`, which also tells the carrier's breaker. Nothing can go wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

from connectors.carriers.contract import Accepted, NotSent, Refused, Result, Throttled, Unfit, Unknown
from connectors.dispatch.adaptive_rate import AdaptiveRate
from connectors.dispatch.attempt_blocks import RANK_BITS, RANK_MASK, AttemptBlock
from connectors.dispatch.backoff_queue import BackoffQueue, Recall
from connectors.dispatch.breaker import Breaker
from connectors.dispatch.lane_queue import QueuedBatch
from connectors.dispatch.refusals import RefusalCause, Refusals

Blocks = Mapping[int, tuple[AttemptBlock, QueuedBatch]]


class Throttles:
    """Of one sender; `wake` is called when messages were put back after a pause."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.brake = AdaptiveRate()
        self._refusals = Refusals()
        self._backoff_queue = BackoffQueue(wake)
        self._draining = False
        self._loop = asyncio.get_running_loop()
        self.breaker = Breaker(self._loop.time())
        self._fault = ""
        self._held_against = self._not_sent = self._refused = self._unanswered = 0  # of this batch of results
        self._wait_seconds = 0.0
        self._nothing_accepted: bool | None = None

    def begin_results(self, blocks: Blocks, results: list[Result]) -> None:
        """Results came together: note which destinations were answered for good."""
        self._held_against = self._not_sent = self._refused = self._unanswered = 0
        self._wait_seconds, self._nothing_accepted = 0.0, None
        if self._refusals.watching:
            to_recall, self._held_against = self._refusals.accepted(_answered(blocks, results))
            self._backoff_queue.recall(to_recall)

    def classify(self, destination: int, result: Result, results: list[Result]) -> RefusalCause | None:
        """One result that is no plain acceptance; the cause, if it is a refusal for the moment."""
        if not isinstance(result, Throttled):
            self._note_fault(result)
            return None
        now = self._loop.time()
        if self._nothing_accepted is None:
            self._nothing_accepted = self.brake.nothing_accepted_lately(now) and not any(
                isinstance(one, Accepted) for one in results
            )
        cause = self._refusals.refused(
            destination, now, nothing_accepted_lately=self._nothing_accepted, wait=result.wait_seconds or 0.0
        )
        if cause is RefusalCause.CARRIER:
            self._held_against += 1
            self._wait_seconds = max(self._wait_seconds, result.wait_seconds or 0.0)
        self._not_sent += 1
        return cause

    def end_results(self, count: int) -> bool:
        """All results of the batch, `count`, are handled. Whether a carrier that accepted nothing accepts again."""
        accepted_nothing = self.brake.accepts_nothing
        now, taken = self._loop.time(), count - self._not_sent
        self.brake.record_answers(taken, self._held_against, self._wait_seconds or None, now)
        self.breaker.record(
            answered=taken - self._refused,
            refused=self._refused,
            unanswered=self._unanswered,
            fault=self._fault,
            now=now,
        )
        return accepted_nothing and not self.brake.accepts_nothing

    def _note_fault(self, result: Result) -> None:
        """What a result that is neither accepted nor throttled says of the carrier."""
        match result:
            case Refused(klass="transient", code=code):
                self._refused += 1
                self._fault = code
            case Unknown(lost=lost):
                self._not_sent += 1
                self._unanswered += not lost
                self._fault = "connection lost" if lost else "no answer in time"
            case NotSent() | Unfit():
                self._not_sent += 1

    def retry(self, destination: int, put_back: Recall) -> None:
        """Call `put_back` now, or when this destination is to be asked again."""
        until = self._refusals.until(destination)
        if until > self._loop.time() and not self._draining:
            self._backoff_queue.put(until, destination, put_back)
        else:
            put_back()

    def sweep(self) -> None:
        """Once a second: forget refusals of long ago."""
        self._refusals.forget(self._loop.time())

    def drain(self) -> None:
        """Put every message back now, and let none back off any more."""
        self._draining = True
        self._backoff_queue.recall_all()


def _answered(blocks: Blocks, results: list[Result]) -> Iterator[int]:
    """The destinations that were answered for good."""
    for result in results:
        entry = blocks.get(result.ref >> RANK_BITS)
        if entry is not None and isinstance(result, Accepted | Refused):
            yield entry[0].batch.messages.destinations[result.ref & RANK_MASK]
