"""`sluice bench --scenario due`: many messages, each a chunk of its own, whose times all come within one second.

In: a stack, how many. Out: a row: how long after its `send_at` each was at the carrier, by the carrier's own log, how many
before it (none), and CPU a message from the first of these moments to the last submit. Wrong: refused messages, or ones that
do not come: `Refusal`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import aiohttp

from infra.bench.load import percentiles
from infra.bench.size import Size
from infra.bench.submits import first_submits
from infra.bench.target import Row, Target
from infra.runtime.refusal import Refusal

CALLERS = 64
MOST, A_SECOND = 10_000, 400
"""So many are accepted a second at least, beside other work."""
AHEAD_SECONDS, LAST_SECONDS = 5.0, 60.0
FIRST_NUMBER = 4915_170_000_000


async def due(target: Target, size: Size) -> Row:
    """Accept all of them beforehand, then only look."""
    count = min(size.recipients, MOST)
    begin = time.time() + AHEAD_SECONDS + count / A_SECOND
    moments = {str(FIRST_NUMBER + n): round(begin + n / count, 3) for n in range(count)}
    await _send_all(target, moments)
    if time.time() > begin:
        raise Refusal("the messages were not accepted before their time", "fewer --recipients")
    await asyncio.sleep(max(0.0, begin - time.time()))
    before = target.cpu()
    seen = await _seen(target, list(moments))
    late = [seen[to] - at for to, at in moments.items()]
    return {
        "scenario": "due",
        "messages": count,
        "early": sum(seconds < 0 for seconds in late),
        "late_ms": percentiles([max(0.0, seconds) for seconds in late]),
        **target.cost(before, count),
    }


async def _send_all(target: Target, moments: dict[str, float]) -> None:
    waiting = iter(moments.items())
    connector = aiohttp.TCPConnector(limit=CALLERS)
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {target.key}"}) as session:

        async def call() -> None:
            for to, at in waiting:
                await _send(session, target.url, to, at)

        await asyncio.gather(*(call() for _ in range(CALLERS)))


async def _send(session: aiohttp.ClientSession, url: str, to: str, at: float) -> None:
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    body = {"to": f"+{to}", "from": "Sluice", "body": "Now", "lane": "marketing", "send_at": moment}
    async with session.post(f"{url}/v1/messages", json=body) as answer:
        if answer.status != 202:
            raise Refusal(f"the gateway answered {answer.status}: {(await answer.text())[:300]}")


async def _seen(target: Target, numbers: Sequence[str]) -> dict[str, float]:
    """When each was at the carrier first."""
    until = time.monotonic() + LAST_SECONDS
    while True:
        seen = await asyncio.to_thread(first_submits, target.log)
        missing = sum(to not in seen for to in numbers)
        if not missing:
            return seen
        if time.monotonic() > until:
            raise Refusal(f"{missing} messages were not submitted within {LAST_SECONDS:.0f} s", "see DATA/logs")
        await asyncio.sleep(0.3)
