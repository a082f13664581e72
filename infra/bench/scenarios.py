"""What is measured: `bulk` (a campaign to its last receipt), `single` (one message a call), `otp` (codes beside a campaign),
`kill` (roles that are killed, see kill.py).

In: a stack that works, how much. Out: a row with rate, seconds, CPU microseconds a message in all and by process, and
percentiles in milliseconds. Every scenario warms up first. Wrong: messages that do not come to an end in time: `Refusal`.
"""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.bench.cpu import between, cpu_seconds
from infra.bench.kill import kill
from infra.bench.load import Load, percentiles, send_singles
from infra.bench.recipients import BODY, fictitious_recipients
from infra.client.api import Api
from infra.client.campaign_watch import all_final, watch_campaign
from infra.runtime.refusal import Refusal
from infra.supervisor.launch import Launched

Row = dict[str, Any]
WARM_UP = 150_000
WARM_UP_SECONDS = 3.0
OTP_RATE = 50.0
BULK_SECONDS = 300.0
SETTLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much: every scenario takes what it needs of it."""

    recipients: int
    seconds: float
    rounds: int
    roles: Sequence[str]


async def bulk(stack: Launched, size: Size) -> Row:
    """One campaign: accepted, sent, delivered; the clock stops with the last receipt."""
    recipients = size.recipients
    await asyncio.to_thread(run_campaign, stack, WARM_UP)
    before = _cpu(stack)
    timing = await asyncio.to_thread(run_campaign, stack, recipients)
    return {
        "scenario": "bulk",
        **_rates(stack, before, recipients, timing["seconds"]),
        "upload_seconds": timing["upload"],
        "upload_per_second": round(recipients / timing["upload"]),
    }


async def single(stack: Launched, size: Size) -> Row:
    """Single transactional messages as fast as answers come, then until all are submitted."""
    await _singles(stack, "transactional", 64, WARM_UP_SECONDS, None, 0)
    before, begun = _cpu(stack), time.monotonic()
    load = await _singles(stack, "transactional", 64, size.seconds, None, 1_000_000)
    submitted = await _submitted(stack, load)
    elapsed = time.monotonic() - begun
    return {
        "scenario": "single",
        **_rates(stack, before, len(load.accepted), elapsed),
        "accepted_per_second": round(len(load.accepted) / size.seconds),
        "turned_away": load.turned_away,
        "answer_ms": percentiles(load.latencies),
        "accept_to_submit_ms": percentiles(submitted),
    }


async def otp(stack: Launched, size: Size) -> Row:
    """Codes at a steady rate while a campaign of `recipients` runs: how long from the call to the submit. The broker has
    compiled its code before: a campaign and some seconds of codes go ahead."""
    recipients = size.recipients
    await asyncio.to_thread(run_campaign, stack, WARM_UP)
    await _singles(stack, "otp", 8, WARM_UP_SECONDS, OTP_RATE, 0)
    campaign = asyncio.create_task(asyncio.to_thread(run_campaign, stack, recipients))
    before = _cpu(stack)
    load = await _singles(stack, "otp", 8, size.seconds, OTP_RATE, 1_000_000)
    submitted = await _submitted(stack, load)
    busy = not campaign.done()
    timing = await campaign
    return {
        "scenario": "otp",
        **_rates(stack, before, len(load.accepted) + recipients, timing["seconds"]),
        "campaign_ran_throughout": busy,
        "codes": len(load.accepted),
        "turned_away": load.turned_away,
        "answer_ms": percentiles(load.latencies),
        "accept_to_submit_ms": percentiles(submitted),
    }


async def kill_roles(stack: Launched, size: Size) -> Row:
    """Each role killed so many times beside a light steady stream: how long until it works again."""
    return await kill(stack, size.rounds, size.roles)


SCENARIOS: dict[str, Callable[[Launched, Size], Awaitable[Row]]] = {
    "bulk": bulk,
    "single": single,
    "otp": otp,
    "kill": kill_roles,
}


def run_campaign(stack: Launched, recipients: int) -> dict[str, float]:
    """Seconds of the upload, and from the first call to the last receipt."""
    api = Api(stack.settings.gateway.url or "", stack.credentials.api_key)
    begun = time.monotonic()
    made = api.post(
        "/v1/campaigns",
        {"name": "bench", "from": "Sluice", "body": BODY, "lane": "marketing", "open": True, "recipients": []},
    )
    api.upload(f"/v1/campaigns/{made['id']}/recipients", fictitious_recipients(recipients), 1)
    upload = time.monotonic() - begun
    api.post(f"/v1/campaigns/{made['id']}/start")
    state = watch_campaign(api, made["id"], all_final, seconds=BULK_SECONDS, pause=0.1)
    if not all_final(state):
        raise Refusal(f"the campaign did not come to an end in {BULK_SECONDS:.0f} s: {state['counts']}", "see DATA/logs")
    return {"upload": round(upload, 3), "seconds": time.monotonic() - begun}


async def _singles(stack: Launched, lane: str, workers: int, seconds: float, rate: float | None, first: int) -> Load:
    return await send_singles(
        stack.settings.gateway.url or "",
        stack.credentials.api_key,
        lane=lane,
        workers=workers,
        seconds=seconds,
        rate=rate,
        first=first,
    )


async def _submitted(stack: Launched, load: Load) -> list[float]:
    """Seconds from the call to the first submit of each message, once all are in the simulator's log."""
    log = stack.settings.simulator.log
    until = time.monotonic() + SETTLE_SECONDS
    while log is not None:
        seen = await asyncio.to_thread(first_submits, log)
        if all(to in seen for to in load.accepted):
            return [max(0.0, seen[to] - called) for to, (called, _) in load.accepted.items()]
        if time.monotonic() > until:
            missing = sum(1 for to in load.accepted if to not in seen)
            raise Refusal(f"{missing} messages were not submitted within {SETTLE_SECONDS:.0f} s", "see DATA/logs")
        await asyncio.sleep(0.3)
    raise Refusal("the simulator keeps no log", "leave simulator.log alone")


def first_submits(log: Path) -> dict[str, float]:
    """When each destination was first submitted, from the simulator's CSV log (time, bind, destination, ...)."""
    seen: dict[str, float] = {}
    with log.open(encoding="utf-8", newline="") as lines:
        for row in csv.reader(lines):
            if len(row) > 2:
                seen.setdefault(row[2], float(row[0]))
    return seen


def _cpu(stack: Launched) -> dict[str, float]:
    return cpu_seconds(
        {
            **{role.row.name: role.pid for role in stack.supervisor.roles},
            **{service.name: service.pid for service in stack.supervisor.services},
        }
    )


def _rates(stack: Launched, before: dict[str, float], messages: int, seconds: float) -> Row:
    spent = between(before, _cpu(stack))
    per_message = {name: round(value * 1e6 / max(1, messages), 2) for name, value in spent.items()}
    return {
        "messages": messages,
        "seconds": round(seconds, 3),
        "per_second": round(messages / seconds),
        "cpu_us_per_message": round(sum(per_message.values()), 2),
        "cpu_us_by_process": per_message,
    }
