"""`sluice bench --scenario single`: one message a request over 64 connections, as fast as answers come.

In: a stack, for how long, with or without idempotency keys. Out: a row: messages accepted a second; messages a second at the
carrier, from the first to the last submit; the time of the 202; CPU a message until a while after the last submit, in all
and by process; and how soon the 202 comes at half of that rate. `wrk` sends when it is installed, else a client
in Python, which takes a core itself and so says less. Wrong: messages that do not come to the carrier in time: `Refusal`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from infra.bench.arrivals import ArrivalCount
from infra.bench.load import percentiles, send_singles
from infra.bench.size import Size
from infra.bench.target import Row, Target, calm
from infra.bench.wrk import CONNECTIONS, WrkResult, find_wrk, run_wrk
from infra.runtime.console import tell

LANE = "transactional"
WARM_UP_SECONDS = 3.0
HALF_RATE_SECONDS = 5.0
RECEIPT_SECONDS = 2.0
"""After the last submit: receipts and rows of what has gone out belong to a message's cost."""
WARM_UP_FIRST, FIRST, PER_RUN = 0, 31_000_000, 5_000_000
"""First numbers, and how many belong to one run of wrk."""
NO_WRK = "wrk is not installed: a client in Python sends, which takes a core itself and limits the rate"


async def single(target: Target, size: Size) -> Row:
    """Warm up, measure, then send at half of the rate that was accepted."""
    program = find_wrk()
    if program is None:
        tell(NO_WRK)
    await calm(target)
    await _whole(target, program, min(WARM_UP_SECONDS, size.seconds), WARM_UP_FIRST, size.keyed)
    before = target.cpu()
    shot, at_carrier = await _whole(target, program, size.seconds, FIRST, size.keyed)
    await asyncio.sleep(RECEIPT_SECONDS)
    cost = target.cost(before, shot.accepted)
    half, _ = await _whole(
        target,
        program,
        min(HALF_RATE_SECONDS, size.seconds),
        FIRST + PER_RUN,
        size.keyed,
        half_of=shot,
    )
    return {
        "scenario": "single",
        "client": "wrk" if program else "python",
        "connections": CONNECTIONS,
        "keyed": size.keyed,
        "messages": shot.accepted,
        "seconds": round(shot.seconds, 3),
        "refused": shot.refused,
        "broken": shot.broken,
        "accepted_per_second": round(shot.per_second),
        "carrier_per_second": round(shot.accepted / at_carrier),
        "answer_ms": shot.answers(),
        **cost,
        "half_rate": {"per_second": round(half.per_second), "answer_ms": half.answers()},
    }


async def _whole(
    target: Target, program: str | None, seconds: float, first: int, keyed: bool, half_of: WrkResult | None = None
) -> tuple[WrkResult, float]:
    """Send and wait until all have come to the carrier: what was sent, and how long the carrier saw submits."""
    arrivals = ArrivalCount(target.log)
    if program is None:
        shot = await _by_python(target, seconds, first, keyed, half_of.per_second / 2 if half_of else None)
    else:
        # The time makes keys of a run that nothing has seen before.
        prefix = f"bench-{time.time_ns()}-" if keyed else None
        pause = half_of.half_pause() if half_of else 0.0
        shot = await run_wrk(
            program, target.url, form="sluice", key=target.key, seconds=seconds, first=first, keyed=prefix, pause=pause
        )
    return shot, max(0.001, await arrivals.all_of(shot.accepted))


async def _by_python(target: Target, seconds: float, first: int, keyed: bool, rate: float | None) -> WrkResult:
    load = await send_singles(
        target.url,
        target.key,
        lane=LANE,
        workers=CONNECTIONS,
        seconds=seconds,
        rate=rate,
        first=first,
        keyed=keyed,
    )
    times: dict[str, Any] = percentiles(load.latencies)
    return WrkResult(len(load.accepted), load.turned_away, 0, seconds, times["p50"], times["p99"], times["max"])
