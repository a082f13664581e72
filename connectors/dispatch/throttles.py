"""What a carrier's "not now" does: it slows the carrier down, or one destination steps back.

In: the results of a batch, before and while they are worked in; messages that are to go again. Out: the brake of the
carrier; a word for each refusal; messages back at their time. Order in a batch: `hear`, then `other` for what was not
simply taken, then `end`. Nothing can go wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

from connectors.carriers.contract import Accepted, NotSent, Refused, Result, Throttled, Unfit, Unknown
from connectors.dispatch.attempt_blocks import RANK_BITS, RANK_MASK, AttemptBlock
from connectors.dispatch.backoff_queue import Back, BackoffQueue
from connectors.dispatch.batch_queue import QueuedBatch
from connectors.dispatch.pacing import Brake
from connectors.dispatch.refusals import Refusals, Word

Blocks = Mapping[int, tuple[AttemptBlock, QueuedBatch]]


class Throttles:
    """Of one sender; `wake` when messages have come back by themselves."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.brake = Brake()
        self._refusals = Refusals()
        self._backoff_queue = BackoffQueue(wake)
        self._draining = False
        self._loop = asyncio.get_running_loop()
        self._held_against = self._not_taken = 0  # of this batch
        self._wait = 0.0
        self._silent: bool | None = None

    def hear(self, blocks: Blocks, results: list[Result]) -> None:
        """A batch begins: who was taken."""
        self._held_against = self._not_taken = 0
        self._wait, self._silent = 0.0, None
        if self._refusals.watching:
            called, self._held_against = self._refusals.taken(_answered(blocks, results))
            self._backoff_queue.call(called)

    def other(self, destination: int, result: Result, results: list[Result]) -> Word | None:
        """This one of the batch was not simply taken; a word if it was refused for the moment."""
        if not isinstance(result, Throttled):
            self._not_taken += isinstance(result, Unknown | NotSent | Unfit)
            return None
        now = self._loop.time()
        if self._silent is None:
            self._silent = self.brake.silent(now) and not any(isinstance(one, Accepted) for one in results)
        word = self._refusals.refused(destination, now, silent=self._silent, wait=result.wait_seconds or 0.0)
        if word is Word.CARRIER:
            self._held_against += 1
            self._wait = max(self._wait, result.wait_seconds or 0.0)
        self._not_taken += 1
        return word

    def end(self, count: int) -> bool:
        """The batch is through; so many results it had. Whether a carrier that took nobody takes somebody again."""
        hushed = self.brake.hushed
        self.brake.answers(count - self._not_taken, self._held_against, self._wait or None, self._loop.time())
        return hushed and not self.brake.hushed

    def again(self, destination: int, back: Back) -> None:
        """Call `back` now, or when this destination is to be asked again."""
        until = self._refusals.until(destination)
        if until > self._loop.time() and not self._draining:
            self._backoff_queue.put(until, destination, back)
        else:
            back()

    def sweep(self) -> None:
        """Once a second."""
        self._refusals.forget(self._loop.time())

    def drain(self) -> None:
        """Nobody stands back any more."""
        self._draining = True
        self._backoff_queue.clear()


def _answered(blocks: Blocks, results: list[Result]) -> Iterator[int]:
    """The destinations that the carrier said something final to."""
    for result in results:
        entry = blocks.get(result.ref >> RANK_BITS)
        if entry is not None and isinstance(result, Accepted | Refused):
            yield entry[0].load.facts.numbers[result.ref & RANK_MASK]
