"""The tokens of one sender: asked for when they run short, one lease at a time.

In: the rates of now, what waits. Out: leases for the pacer, and for the groups that narrow buckets bound
(`narrow_tokens.py`); `wake` when they have come; when to look again. Where no sender and no network has a rate of its own,
nobody looks at groups. Nothing is raised.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

from connectors.dispatch.batch_queue import BatchQueue
from connectors.dispatch.leases import Leases
from connectors.dispatch.narrow_queue import NarrowQueue
from connectors.dispatch.narrow_tokens import Wanted
from connectors.dispatch.pacing import GRACE, STEP, Pacer
from connectors.dispatch.result_handler import ResultHandler
from schemas.rules.narrow_rates import NarrowRates
from schemas.values.lanes import Lane

MOST_WANTED = 256 * 256


class TokenSupply:
    """`narrow`: None where the carrier's rate is the only one. `leasing`: a lease is on its way."""

    def __init__(
        self,
        leases: Leases,
        pacer: Pacer,
        queue: BatchQueue,
        results: ResultHandler,
        wake: Callable[[], None],
        *,
        rate: float,
        rates: NarrowRates,
    ) -> None:
        self._leases = leases
        self._pacer = pacer
        self._queue = queue
        self._results = results
        self._wake = wake
        self._rate = rate
        self._rates = rates
        self._whole = False
        self._loop = asyncio.get_running_loop()
        self.narrow: NarrowQueue | None = None
        self.leasing = False
        self._group_anew()

    @property
    def rate(self) -> float:
        """Segments per second that the contract allows; 0 = nothing is started."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        if rate != self._rate:
            self._rate = rate
            self._begin_anew()

    def limit(self, rates: NarrowRates) -> None:
        """Senders and networks have these rates of their own from now on."""
        if rates != self._rates:
            self._rates = rates
            self._begin_anew()

    def use_connection(self, *, whole: bool) -> None:
        """`whole`: it takes all segments of a message at once."""
        if whole != self._whole:
            self._whole = whole
            self._group_anew()

    def _group_anew(self) -> None:
        self.narrow = self._queue.narrow = NarrowQueue(self._rates, whole=self._whole) if self._rates else None

    def _begin_anew(self) -> None:
        """Trap: a token of a slow bucket is spent over seconds; at the new rate it would still hold the next one back."""
        self._group_anew()
        self._pacer.drop_leases()
        self._wake()

    def ask(self, now: float) -> None:
        """Something waits for tokens."""
        if not self.leasing and self._pacer.wants(now):
            self._start(self._lease())

    def ask_narrow(self, narrow: NarrowQueue, now: float) -> float | None:
        """Something may wait for tokens of groups; when to look again, if nothing else happens."""
        waiting = narrow.waiting(self._results.unsent, self._queue.in_turn())
        if not waiting:
            return None
        wanted = narrow.tokens.wanted(waiting, now) if self._rate > 0 else []
        if wanted and not self.leasing and self._pacer.wants(now):
            self._start(self._lease_narrow(narrow, wanted))
        times = [narrow.tokens.next_at(waiting, now), self._pacer.next_at(now) or math.inf]
        if wanted and not self.leasing:
            times.append(self._pacer.ask_at)
        at = min(times)
        return max(at, now + STEP) if at < math.inf else None

    def _start(self, asking: Coroutine[Any, Any, tuple[int, float]]) -> None:
        self.leasing = True
        self._loop.create_task(asking, name="lease").add_done_callback(self._on_lease)

    async def _lease(self) -> tuple[int, float]:
        wanted = len(self._results.unsent) + self._queue.demand(MOST_WANTED)
        return await self._leases.ask(self._queue.urgent, wanted, self._rate)

    async def _lease_narrow(self, narrow: NarrowQueue, wanted: Wanted) -> tuple[int, float]:
        granted, rate = await self._leases.ask_narrow(self._queue.urgent, wanted, self._rate)
        now = self._loop.time()
        if narrow is not self.narrow or self._rate <= 0:
            return 0, rate  # other rates are in force by now
        pace = self._results.throttles.brake.pace(rate, patient=self._queue.urgent is Lane.MARKETING)
        until = max(now, self._pacer.lasts_until) + sum(granted) / pace + GRACE
        narrow.tokens.granted(wanted, granted, share=rate / self._rate, now=now, until=until)
        return sum(granted), rate

    def _on_lease(self, task: asyncio.Task[tuple[int, float]]) -> None:
        self.leasing = False
        if not task.cancelled():
            count, rate = task.result()
            if self._rate <= 0:
                count = 0  # it was stopped while we asked
            patient = self._queue.urgent is Lane.MARKETING
            pace = self._results.throttles.brake.pace(rate, patient=patient)
            self._pacer.granted(count, pace, self._loop.time(), patient=patient and self.narrow is None)
            self._wake()
