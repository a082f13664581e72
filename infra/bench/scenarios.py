"""What is measured: `bulk` (a campaign to its last receipt), `single` (one message a request, see single.py), `otp` (codes
beside a campaign), `upload` (recipients alone), `idle` (a stack that nobody uses); `receipts`, `mixed`, `fairness`, `rates`,
`held` and `due` are told of in their files.

In: a stack that works, how much. Out: a row with rate, seconds, CPU microseconds a message in all and by process, and
percentiles in milliseconds. Every scenario warms up first. Wrong: messages that do not come to an end in time: `Refusal`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from infra.bench.campaigns import open_campaign, run_campaign
from infra.bench.cpu import between, own, proportional_octets, resident_octets
from infra.bench.due import due
from infra.bench.fairness import fairness
from infra.bench.held import held
from infra.bench.load import percentiles, send_singles
from infra.bench.mixed import mixed
from infra.bench.rates import rates
from infra.bench.receipts import receipts
from infra.bench.recipients import fictitious_recipients
from infra.bench.single import single
from infra.bench.size import Size
from infra.bench.submits import submitted
from infra.bench.target import Row, Target, calm
from infra.client.api import Api

WARM_UP = 150_000
WARM_UP_SECONDS = 3.0
OTP_RATE = 50.0
CALM_SECONDS = 3.0
MEBI = 1 << 20


async def bulk(target: Target, size: Size) -> Row:
    """One campaign: accepted, sent, delivered; the clock stops with the last receipt."""
    recipients = size.recipients
    await asyncio.to_thread(run_campaign, target, WARM_UP)
    before = target.cpu()
    timing = await asyncio.to_thread(run_campaign, target, recipients)
    return {
        "scenario": "bulk",
        **_rates(target, before, recipients, timing["seconds"]),
        "upload_seconds": timing["upload"],
        "upload_per_second": round(recipients / timing["upload"]),
    }


async def otp(target: Target, size: Size) -> Row:
    """Codes at a steady rate while a campaign of `recipients` runs: how long from the call to the submit. The broker has
    compiled its code before: a campaign and some seconds of codes go ahead."""
    recipients = size.recipients
    await asyncio.to_thread(run_campaign, target, WARM_UP)
    await send_singles(target.url, target.key, lane="otp", workers=8, seconds=WARM_UP_SECONDS, rate=OTP_RATE)
    campaign = asyncio.create_task(asyncio.to_thread(run_campaign, target, recipients))
    before = target.cpu()
    load = await send_singles(
        target.url, target.key, lane="otp", workers=8, seconds=size.seconds, rate=OTP_RATE, first=1_000_000
    )
    delays = await submitted(target.log, load)
    busy = not campaign.done()
    timing = await campaign
    return {
        "scenario": "otp",
        **_rates(target, before, len(load.accepted) + recipients, timing["seconds"]),
        "campaign_ran_throughout": busy,
        "codes": len(load.accepted),
        "turned_away": load.turned_away,
        "answer_ms": percentiles(load.latencies),
        "accept_to_submit_ms": percentiles(delays),
    }


async def upload(target: Target, size: Size) -> Row:
    """Recipients of a campaign that is not started, in one request; the clock stops with its answer."""
    blocks = list(fictitious_recipients(size.recipients))
    await asyncio.to_thread(_upload, target, blocks)
    await calm(target)
    before = target.cpu()
    seconds = await asyncio.to_thread(_upload, target, blocks)
    cost = target.cost(before, size.recipients)
    return {
        "scenario": "upload",
        "recipients": size.recipients,
        "seconds": round(seconds, 3),
        "per_second": round(size.recipients / seconds),
        "gateway_cpu_us_per_recipient": cost["cpu_us_by_process"]["gateway"],
        **cost,
    }


async def idle(target: Target, size: Size) -> Row:
    """CPU as a share of one core, and resident memory, while nobody asks for anything."""
    await calm(target)
    await asyncio.sleep(CALM_SECONDS)
    before = {**target.cpu(), "supervisor": own(target.supervisor).seconds}
    begun = time.monotonic()
    await asyncio.sleep(size.seconds)
    seconds = time.monotonic() - begun
    supervisor = own(target.supervisor)
    spent = between(before, {**target.cpu(), "supervisor": supervisor.seconds})
    held = {**resident_octets(target.pids()), "supervisor": supervisor.resident}
    divided = sum(proportional_octets(target.pids()).values())
    return {
        "scenario": "idle",
        "seconds": round(seconds, 3),
        "cores": round(sum(spent.values()) / seconds, 4),
        "cores_by_process": {name: round(value / seconds, 4) for name, value in spent.items()},
        "rss_mib": round(sum(held.values()) / MEBI),
        "rss_mib_without_broker": round((sum(held.values()) - held.get("kafka", 0)) / MEBI),
        "pss_mib_without_supervisor": round(divided / MEBI),
        "rss_mib_by_process": {name: round(value / MEBI) for name, value in held.items()},
    }


SCENARIOS: dict[str, Callable[[Target, Size], Awaitable[Row]]] = {
    "bulk": bulk,
    "single": single,
    "otp": otp,
    "upload": upload,
    "idle": idle,
    "receipts": receipts,
    "mixed": mixed,
    "fairness": fairness,
    "rates": rates,
    "held": held,
    "due": due,
}


def _upload(target: Target, blocks: list[bytes]) -> float:
    api = Api(target.url, target.key)
    campaign, begun = open_campaign(target), time.monotonic()
    api.upload(f"/v1/campaigns/{campaign}/recipients", iter(blocks), 1)
    return time.monotonic() - begun


def _rates(target: Target, before: dict[str, float], messages: int, seconds: float) -> Row:
    return {
        "messages": messages,
        "seconds": round(seconds, 3),
        "per_second": round(messages / seconds),
        **target.cost(before, messages),
    }
