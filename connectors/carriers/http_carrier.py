"""What carriers have in common that are asked over HTTP: one request a message, and a look at the carrier now and then.

In: messages. Out: one result a message, and the receipts that a look has found. A kind derived from it says what to ask and
what an answer means (`submit_one`, `poll`); what can go wrong with any request is judged here, once for all kinds:

    no connection could be made      NotSent, for certain; until a look finds the carrier again, nothing is sent
    no answer within the patience    Unknown
    the connection broke             Unknown, `lost`: with nothing on that connection any more no answer can come late
    an answer that nobody can read   the same: the carrier may have taken it
    text that no message can carry   Unfit

A request is never repeated: a POST may have been taken before its connection broke.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter

import aiohttp
import structlog

from connectors.carriers.contract import (
    CarrierCallbacks,
    NotSent,
    OnResult,
    Receipt,
    Result,
    Submit,
    Unfit,
    Unknown,
    Unreadable,
    check_size,
)
from schemas.values.text import TextError, count_segments

log = structlog.get_logger()


class HttpCarrier(ABC):
    """Implements `connectors.carriers.contract.Carrier`. `patience`: seconds that an answer may take; `pause`: seconds
    between two looks; `headers` of every request."""

    ids_may_clash = False

    def __init__(
        self,
        callbacks: CarrierCallbacks,
        *,
        window: int,
        binds: int,
        patience: float,
        headers: Mapping[str, str],
        pause: float = 1.0,
    ) -> None:
        check_size(window, binds)
        self.connected = False
        self.fault: str | None = None
        self._most = window * binds
        self._callbacks = callbacks
        self._patience = patience
        self._headers = headers
        self._pause = pause
        self._http: aiohttp.ClientSession | None = None
        self._flights: set[asyncio.Task[Result]] = set()
        self._tasks: set[asyncio.Task[None]] = set()  # the looks, and confirmations on their way
        self._unconfirmed: set[object] = set()
        self._results: list[tuple[OnResult, Result]] = []

    @abstractmethod
    async def submit_one(self, http: aiohttp.ClientSession, submit: Submit) -> Result:
        """One request for this message, and what its answer says. May raise whatever comes of it."""

    @abstractmethod
    async def poll(self, http: aiohttp.ClientSession, *, first: bool) -> None:
        """Whether the carrier is there, and its receipts to `hand_over`. `first`: the first look since it was away, so that
        whatever it has no confirmation of comes again. Raises when it is not there."""

    async def open(self) -> None:
        times = aiohttp.ClientTimeout(total=self._patience, sock_connect=self._patience / 2)
        self._http = aiohttp.ClientSession(
            headers=self._headers,
            timeout=times,
            connector=aiohttp.TCPConnector(limit=0),  # `room` is the limit
        )
        self._spawn(self._keep_looking(self._http))

    def room(self) -> int:
        return max(0, self._most - len(self._flights)) if self.connected else 0

    def send(self, submits: Sequence[Submit], on_result: OnResult) -> None:
        room = self.room()
        for submit in submits[:room]:
            flight = asyncio.create_task(self._ask(submit))
            self._flights.add(flight)
            flight.add_done_callback(partial(self._answered, submit.ref, on_result))
        for submit in submits[room:]:
            self._give(on_result, NotSent(ref=submit.ref))

    async def resize(self, window: int, binds: int) -> None:
        check_size(window, binds)
        self._most = window * binds
        asyncio.get_running_loop().call_soon(self._callbacks.on_room)

    def seen(self) -> Mapping[str, int]:
        return {}

    def stored_id(self, carrier_id: str) -> str:
        return carrier_id

    def lookup_ids(self, receipt_id: str) -> tuple[str, ...]:
        return (receipt_id,)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        self._lost(None)
        if self._flights:
            _, late = await asyncio.wait(self._flights, timeout=self._patience + 1)
            for flight in late:
                flight.cancel()
            if late:
                await asyncio.wait(late)
        self._hand_over_results()
        if self._http is not None:
            await self._http.close()

    def hand_over(
        self,
        receipts: list[Receipt],
        unreadable: Sequence[Unreadable],
        confirm: Callable[[], Coroutine[None, None, None]],
    ) -> None:
        """What a look has found, to whoever keeps it; `confirm` tells the carrier once all of it is safe."""
        batch, left = object(), len(unreadable) + bool(receipts)
        self._unconfirmed.add(batch)

        def acknowledge() -> None:
            nonlocal left
            left -= 1
            if left == 0 and batch in self._unconfirmed:
                self._unconfirmed.discard(batch)
                self._spawn(confirm())

        for one in unreadable:
            self._callbacks.on_unreadable(one, acknowledge)
        if receipts:
            self._callbacks.on_receipts(receipts, acknowledge)

    async def _keep_looking(self, http: aiohttp.ClientSession) -> None:
        while True:
            try:
                await self.poll(http, first=not self.connected)
            except (aiohttp.ClientError, TimeoutError, OSError) as fault:
                self._lost(fault)
            except Exception as fault:  # why: one answer that cannot be read must not end all looks
                log.exception("a carrier's answer cannot be read", action="carrier_unreadable")
                self._lost(fault)
            else:
                if not self.connected:
                    self.connected, self.fault = True, None
                    self._callbacks.on_room()
            await asyncio.sleep(self._pause)

    def _lost(self, fault: Exception | None) -> None:
        self.connected, self.fault = False, None if fault is None else f"{type(fault).__name__}: {fault}"
        self._unconfirmed.clear()

    async def _ask(self, submit: Submit) -> Result:
        assert self._http is not None, "open first"
        try:
            count_segments(submit.text)
            return await self.submit_one(self._http, submit)
        except TextError as fault:
            return Unfit(ref=submit.ref, reason="too_long" if fault.code == "too_long" else "bad_text")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as fault:
            self._lost(fault)
            return NotSent(ref=submit.ref)
        except TimeoutError:
            return Unknown(ref=submit.ref)
        except (aiohttp.ClientError, OSError):
            return Unknown(ref=submit.ref, lost=True)
        except Exception:  # why: whatever a kind stumbles over, its message has exactly one result
            log.exception("a carrier's answer cannot be read", action="carrier_unreadable")
            return Unknown(ref=submit.ref, lost=True)

    def _answered(self, ref: int, on_result: OnResult, flight: asyncio.Task[Result]) -> None:
        self._flights.discard(flight)
        self._give(on_result, Unknown(ref=ref) if flight.cancelled() else flight.result())

    def _give(self, on_result: OnResult, result: Result) -> None:
        if not self._results:
            asyncio.get_running_loop().call_soon(self._hand_over_results)
        self._results.append((on_result, result))

    def _hand_over_results(self) -> None:
        """What came during a turn of the loop, in one call."""
        results, self._results = self._results, []
        for on_result, group in groupby(results, itemgetter(0)):
            on_result([result for _, result in group])
        if results and self.connected:
            self._callbacks.on_room()

    def _spawn(self, task: Coroutine[None, None, None]) -> None:
        running = asyncio.create_task(task)
        self._tasks.add(running)
        running.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.info("receipts could not be confirmed; they come again", action="receipts_unconfirmed", error=str(fault))
