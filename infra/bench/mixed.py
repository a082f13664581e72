"""`sluice bench --scenario mixed`: a campaign, single messages and codes at the same time, as a working day has them.

In: a stack, the campaign's size, for how long. Out: a row: for codes and single messages how soon the 202 comes and how soon
the carrier has them, for the campaign how long its messages took from its start, and CPU in cores, in all and by process.
Codes and single messages come at fixed rates: what they take of the machine is the same in every version, how long they wait
is not. Single messages come from `wrk` when it is installed, else from a client in Python. Wrong: messages that do not come
to an end in time: `Refusal`.
"""

from __future__ import annotations

import asyncio
import time

from infra.bench.campaigns import run_campaign, upload_campaign, wait_for
from infra.bench.cpu import between
from infra.bench.load import Load, percentiles, send_singles
from infra.bench.log_tail import LogTail
from infra.bench.size import Size
from infra.bench.target import Row, Target
from infra.bench.wrk import CONNECTIONS, WrkResult, find_wrk, run_wrk
from infra.client.api import Api
from infra.client.campaign_watch import all_final
from infra.runtime.refusal import Refusal

WARM_UP = 150_000
WARM_UP_SECONDS = 3.0
CODES, SINGLES, PROBES = 50.0, 300.0, 20.0
"""A second. Probes are single messages too, each timed to the carrier, which wrk cannot."""
CODE_FIRST, PROBE_FIRST, WRK_FIRST = 2_000_000, 4_000_000, 41_000_000
CAMPAIGN_DIGITS = b"491511"
ARRIVAL_SECONDS, LOOK_SECONDS = 60.0, 0.1


async def mixed(target: Target, size: Size) -> Row:
    """Warm up with everything, then measure."""
    await asyncio.to_thread(run_campaign, target, min(WARM_UP, size.recipients))
    await _singles(target, min(WARM_UP_SECONDS, size.seconds), 0)
    campaign = await asyncio.to_thread(upload_campaign, target, size.recipients)
    log, before, begun, started = LogTail(target.log, skip=True), target.cpu(), time.monotonic(), time.time()
    whole = asyncio.create_task(asyncio.to_thread(_run, target, campaign))
    codes, probes, load = await _singles(target, size.seconds, 1)
    busy = not whole.done()
    campaign_seconds = await whole
    seconds = time.monotonic() - begun
    spent = between(before, target.cpu())
    seen = await _arrived(log, [*codes.accepted, *probes.accepted])
    times = [at - started for to, at in seen.items() if to.startswith(CAMPAIGN_DIGITS)]
    messages = size.recipients + len(codes.accepted) + len(probes.accepted) + load.accepted
    return {
        "scenario": "mixed",
        "messages": messages,
        "seconds": round(seconds, 3),
        "per_second": round(messages / seconds),
        "campaign_ran_throughout": busy,
        "campaign": {
            "messages": len(times),
            "seconds": round(campaign_seconds, 3),
            "per_second": round(size.recipients / campaign_seconds),
            "sent_ms": percentiles(times),
        },
        "codes": _row(codes, seen),
        "single": {
            **_row(probes, seen),
            "wrk": {"per_second": round(load.per_second), "refused": load.refused, "answer_ms": load.answers()},
        },
        "cores": round(sum(spent.values()) / seconds, 3),
        "cores_by_process": {name: round(value / seconds, 4) for name, value in spent.items()},
        "cpu_us_per_message": round(sum(spent.values()) * 1e6 / messages, 2),
    }


def _run(target: Target, campaign: str) -> float:
    """Seconds from its start to its last receipt."""
    begun = time.monotonic()
    Api(target.url, target.key).post(f"/v1/campaigns/{campaign}/start")
    wait_for(target, campaign, all_final)
    return time.monotonic() - begun


async def _singles(target: Target, seconds: float, turn: int) -> tuple[Load, Load, WrkResult]:
    """Codes, probes and single messages for so long; `turn` makes numbers that no other turn has."""
    shift = turn * 500_000
    url, key = target.url, target.key
    return await asyncio.gather(
        send_singles(url, key, lane="otp", workers=8, seconds=seconds, rate=CODES, first=CODE_FIRST + shift),
        send_singles(url, key, lane="transactional", workers=4, seconds=seconds, rate=PROBES, first=PROBE_FIRST + shift),
        _stream(target, seconds, shift),
    )


async def _stream(target: Target, seconds: float, shift: int) -> WrkResult:
    program = find_wrk()
    if program is not None:
        pause, first = 1000 * CONNECTIONS / SINGLES, WRK_FIRST + 10 * shift
        return await run_wrk(program, target.url, form="sluice", key=target.key, seconds=seconds, first=first, pause=pause)
    first = PROBE_FIRST + 2_000_000 + shift
    load = await send_singles(
        target.url, target.key, lane="transactional", workers=CONNECTIONS, seconds=seconds, rate=SINGLES, first=first
    )
    times = percentiles(load.latencies)
    p50, p99, longest = (times[name] or 0.0 for name in ("p50", "p99", "max"))
    return WrkResult(len(load.accepted), load.turned_away, 0, seconds, p50, p99, longest)


async def _arrived(log: LogTail, wanted: list[str]) -> dict[bytes, float]:
    """When each destination first came to the carrier since the log was opened, once all that are wanted have come."""
    seen: dict[bytes, float] = {}
    until = time.monotonic() + ARRIVAL_SECONDS
    while True:
        for line in log.new_lines():
            at, _, to, _ = line.split(b",", 3)
            seen.setdefault(to, float(at))
        missing = sum(to.encode() not in seen for to in wanted)
        if not missing:
            return seen
        if time.monotonic() > until:
            raise Refusal(f"{missing} messages were not submitted within {ARRIVAL_SECONDS:.0f} s", "see DATA/logs")
        await asyncio.sleep(LOOK_SECONDS)


def _row(load: Load, seen: dict[bytes, float]) -> Row:
    delays = [max(0.0, seen[to.encode()] - called) for to, (called, _) in load.accepted.items()]
    return {
        "messages": len(load.accepted),
        "turned_away": load.turned_away,
        "answer_ms": percentiles(load.latencies),
        "accept_to_submit_ms": percentiles(delays),
    }
