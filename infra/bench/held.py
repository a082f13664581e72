"""`sluice bench --scenario held`: what it costs that everything waits once.

In: a stack, how many messages. Out: a row: the CPU a chunk that a campaign takes more when it waits whole, in rows, for a
carrier that is stopped and started again, than when it goes straight through, in all and by process. What the stack burns
while nothing moves is in neither. Wrong: messages that do not come to an end in time: `Refusal`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from infra.bench.campaigns import run_campaign, upload_campaign, wait_for
from infra.bench.cpu import between
from infra.bench.size import Size
from infra.bench.stack import CARRIER_RATE
from infra.bench.target import Row, Target, calm
from infra.client.api import Api
from infra.client.campaign_watch import all_final
from infra.postgres.admin_store import open_admin_store
from infra.postgres.session import Session
from infra.runtime.refusal import Refusal

CARRIER, CHUNK = "simulator", 500
WARM_UP, MOST = 100_000, 120_000
"""No more, for only so many rows of a campaign wait for a carrier at once."""
LAST_SECONDS, LOOK_SECONDS, IN_FORCE_SECONDS = 60.0, 0.05, 2.5
WAITING = "SELECT coalesce(sum(waiting), 0)::bigint FROM held WHERE campaign = %s AND reason = 'carrier_stopped'"


async def held(target: Target, size: Size) -> Row:
    """Straight through and held in turn, twice, after a turn of each to warm up; of both the better one counts."""
    recipients = min(size.recipients, MOST)
    await asyncio.to_thread(run_campaign, target, WARM_UP)
    await _waits_once(target, recipients)
    await calm(target)
    straight: list[dict[str, float]] = []
    waited: list[dict[str, float]] = []
    for _ in range(2):
        before = target.cpu()
        await asyncio.to_thread(run_campaign, target, recipients)
        straight.append(between(before, target.cpu()))
        waited.append(await _waits_once(target, recipients))
    least, most = (min(runs, key=lambda spent: sum(spent.values())) for runs in (straight, waited))
    chunks = recipients / CHUNK
    return {
        "scenario": "held",
        "recipients": recipients,
        "chunks": round(chunks),
        "cpu_us_per_message_straight": round(sum(least.values()) * 1e6 / recipients, 2),
        "cpu_us_per_message_held": round(sum(most.values()) * 1e6 / recipients, 2),
        "cpu_ms_per_chunk": round((sum(most.values()) - sum(least.values())) * 1000 / chunks, 3),
        "cpu_ms_per_chunk_by_process": {
            name: round((value - least.get(name, 0.0)) * 1000 / chunks, 3) for name, value in most.items()
        },
    }


async def _waits_once(target: Target, recipients: int) -> dict[str, float]:
    """CPU by process until all of a campaign is held, and from there to its last receipt."""
    await _set_rate(target, 0.0)
    before = target.cpu()
    campaign = await asyncio.to_thread(upload_campaign, target, recipients)
    await asyncio.to_thread(Api(target.url, target.key).post, f"/v1/campaigns/{campaign}/start")
    await asyncio.to_thread(_until, lambda: _waiting(target, campaign) >= recipients, "are held")
    spent = Counter(between(before, target.cpu()))
    await _set_rate(target, CARRIER_RATE, wait=False)
    await asyncio.to_thread(_until, lambda: _waiting(target, campaign) < recipients, "go on", pause=0.01)
    before = target.cpu()
    await asyncio.to_thread(wait_for, target, campaign, all_final)
    spent.update(between(before, target.cpu()))
    return dict(spent)


async def _set_rate(target: Target, rate: float, *, wait: bool = True) -> None:
    with open_admin_store(target.postgres) as store:
        store.set_carrier(CARRIER, rate=rate)
    if wait:
        await asyncio.sleep(IN_FORCE_SECONDS)


def _waiting(target: Target, campaign: str) -> int:
    session = Session(target.postgres, name="sluice-bench")
    try:
        with session.transaction() as transaction:
            return int(transaction.rows(WAITING, (campaign,))[0][0])
    finally:
        session.close()


def _until(holds: Callable[[], bool], what: str, pause: float = LOOK_SECONDS) -> None:
    until = time.monotonic() + LAST_SECONDS
    while not holds():
        if time.monotonic() > until:
            raise Refusal(f"not all messages {what} within {LAST_SECONDS:.0f} s", "see DATA/logs")
        time.sleep(pause)
