"""Single messages as fast as asked for, each timed from its call to its 202.

In: the gateway, a key, lane, how many at once, how long, optionally a fixed rate. Out: `Load`: when each was sent and
answered, by destination. Refusals other than 429 and 503 raise; those two are counted and tried again by nobody.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field

import aiohttp

BODY = "Your code is 482913. It is valid for five minutes."


@dataclass(slots=True)
class Load:
    """`accepted`: destination → (epoch seconds of the call, seconds until the answer)."""

    accepted: dict[str, tuple[float, float]] = field(default_factory=dict)
    turned_away: int = 0

    @property
    def latencies(self) -> list[float]:
        return [latency for _, latency in self.accepted.values()]


async def send_singles(
    url: str,
    key: str,
    *,
    lane: str,
    workers: int,
    seconds: float,
    rate: float | None = None,
    first: int = 0,
    keyed: bool = False,
) -> Load:
    """Send until the time is over. `rate` per second in all; None = as fast as answers come. `first`: first number.
    `keyed`: with an Idempotency-Key each."""
    load = Load()
    numbers = itertools.count(first)
    begun = time.monotonic()
    connector = aiohttp.TCPConnector(limit=workers)
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {key}"}) as session:

        async def work(slot: int) -> None:
            turn = 0
            while time.monotonic() - begun < seconds:
                if rate is not None:
                    due = begun + (slot + turn * workers) / rate
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                    turn += 1
                await _send(session, url, lane, next(numbers), load, keyed)

        await asyncio.gather(*(work(slot) for slot in range(workers)))
    return load


async def _send(session: aiohttp.ClientSession, url: str, lane: str, number: int, load: Load, keyed: bool) -> None:
    to = f"+491512{number % 10_000_000:07d}"
    called, begun = time.time(), time.perf_counter()
    body = {"to": to, "from": "Sluice", "body": BODY, "lane": lane}
    headers = {"Idempotency-Key": f"bench-{time.time_ns()}-{number}"} if keyed else None
    async with session.post(f"{url}/v1/messages", json=body, headers=headers) as answer:
        if answer.status == 202:
            load.accepted[to.removeprefix("+")] = (called, time.perf_counter() - begun)
        elif answer.status in (429, 503):
            load.turned_away += 1
            await asyncio.sleep(0.01)
        else:
            raise RuntimeError(f"the gateway answered {answer.status}: {(await answer.text())[:300]}")


def percentiles(values: list[float]) -> dict[str, float | None]:
    """p50, p95, p99 and the largest, in milliseconds; None without values."""
    ordered = sorted(values)
    if not ordered:
        return {"p50": None, "p95": None, "p99": None, "max": None}

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 2)

    return {"p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": round(ordered[-1] * 1000, 2)}
