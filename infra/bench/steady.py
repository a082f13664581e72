"""A light stream of single messages that never stops, and the carrier's log as it grows: what a user of the product sees.

In: the gateway, a key, lanes, a rate. Out: `SteadyStream.accepted`: what was answered 202, in order; calls that nobody
answered are counted and not repeated. `Arrivals`: when each destination first came to the carrier. Wrong: an answer that
is neither 202 nor a passing refusal raises at `check`.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp

from infra.bench.log_tail import LogTail
from infra.runtime.refusal import Refusal

BODY = "Your code is 482913. It is valid for five minutes."
CALL_SECONDS = 3.0
PASSING = (429, 500, 502, 503, 504)
UNANSWERED = (aiohttp.ClientError, TimeoutError, OSError)


class Accepted(NamedTuple):
    """One message; times in epoch seconds. `to`: digits without plus, as the carrier's log has them."""

    id: str
    to: str
    lane: str
    called: float
    answered: float


class SteadyStream:
    """`rate` messages a second on each lane, inside `async with`."""

    def __init__(self, url: str, key: str, *, lanes: Sequence[str], rate: float) -> None:
        self._url = url
        self._key = key
        self._lanes = lanes
        self._pause = 1 / rate
        self._numbers = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refused = ""
        self._session: aiohttp.ClientSession
        self.accepted: list[Accepted] = []
        self.unanswered = 0

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            self._url, headers={"Authorization": f"Bearer {self._key}"}, timeout=aiohttp.ClientTimeout(total=CALL_SECONDS)
        )
        for lane in self._lanes:
            self._begin(self._send_on(lane))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    def number(self) -> str:
        """A destination never used before, with its plus."""
        return f"+491512{next(self._numbers):07d}"

    def since(self, instant: float, lane: str | None = None) -> list[Accepted]:
        """What was called for after this instant and accepted, oldest answer first."""
        new = itertools.takewhile(lambda one: one.answered > instant, reversed(self.accepted))
        return [one for one in new if one.called > instant and lane in (None, one.lane)][::-1]

    def check(self) -> None:
        """Raises Refusal when the gateway has refused a message for good."""
        if self._refused:
            raise Refusal(self._refused, "see DATA/logs/gateway.log")

    async def call(self, method: str, path: str, body: Any = None) -> dict[str, Any] | None:
        """The decoded answer; None when there was none or it says `not now`."""
        try:
            async with self._session.request(method, path, json=body) as answer:
                if answer.status < 300:
                    return dict(await answer.json())
                if answer.status not in PASSING:
                    self._refused = f"the gateway answered {answer.status}: {(await answer.text())[:300]}"
        except UNANSWERED:
            return None
        return None

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_on(self, lane: str) -> None:
        due = time.monotonic()
        while True:
            self._begin(self._send(lane))
            due += self._pause
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _send(self, lane: str) -> None:
        to, called = self.number(), time.time()
        answer = await self.call("POST", "/v1/messages", {"to": to, "from": "Sluice", "body": BODY, "lane": lane})
        if answer is None:
            self.unanswered += 1
        else:
            self.accepted.append(Accepted(answer["id"], to[1:], lane, called, time.time()))


class Arrivals:
    """The simulator's log, read on from where the last look ended."""

    def __init__(self, log: Path) -> None:
        self._log = LogTail(log)
        self._seen: dict[str, float] = {}

    def look(self) -> dict[str, float]:
        """When each destination was first submitted, epoch seconds."""
        for line in self._log.new_lines():
            fields = line.decode().split(",", 3)
            self._seen.setdefault(fields[2], float(fields[0]))
        return self._seen
