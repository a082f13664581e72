"""`sluice bench --scenario fairness`: many tenants behind one slow carrier, judged by the carrier's own log.

In: a stack. Out: a row of three measurements, each with the rate of the carrier turned down:
equal     20 tenants, one with a thousand times the load of the others: the least of Jain's index over all windows
weights   four tenants of weights 1 to 4: how far each share is from its weight's, in hundredths of all
small     a campaign of a hundred, alone and behind `recipients` of another tenant, from its call to its last submit
Wrong: messages that do not come in time: `Refusal`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from infra.bench.campaigns import BULK_SECONDS, open_campaign
from infra.bench.log_tail import LogTail
from infra.bench.size import Size
from infra.bench.target import Row, Target
from infra.bench.windows import count_between, jain, share_of, submits_by, windows
from infra.client.api import Api
from infra.client.campaign_watch import has_ended, watch_campaign
from infra.postgres.admin_store import open_admin_store
from infra.runtime.refusal import Refusal
from schemas.rules.fairness import quantum

CARRIER = "simulator"
RATE, TENANTS, TIMES, FEW = 400.0, 20, 1000, 220
WEIGHTS = (1, 2, 3, 4)
SMALL_RATES, SMALL = (100.0, 1000.0), 100
BALANCE = 10_000_000 * 10_000
SETTLE_SECONDS, LOOK_SECONDS = 3.0, 0.05
LINE = b'{"to":"+49151%02d%06d","variables":{"name":"customer","day":"Monday"}}\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A tenant that sends: `number` stands in the destinations of its messages."""

    number: int
    target: Target

    def start(self, recipients: int, first: int = 0) -> str:
        """A campaign under way."""
        api, campaign = Api(self.target.url, self.target.key), open_campaign(self.target)
        told = api.upload(f"/v1/campaigns/{campaign}/recipients", _lines(self.number, first, recipients), 1)
        if told["accepted"] != recipients:
            raise Refusal(f"{recipients - told['accepted']} of {recipients} numbers were refused: {told['rejected'][:1]}")
        api.post(f"/v1/campaigns/{campaign}/start")
        return campaign

    def cancel(self, campaign: str) -> None:
        """What has not been started of it never will be."""
        api = Api(self.target.url, self.target.key)
        if api.get(f"/v1/campaigns/{campaign}")["status"] == "running":
            api.post(f"/v1/campaigns/{campaign}/cancel")
        watch_campaign(api, campaign, has_ended, seconds=BULK_SECONDS)


async def fairness(target: Target, size: Size) -> Row:
    """The three, one after the other."""
    return {
        "scenario": "fairness",
        "equal": await _equal(target, size),
        "weights": await _weights(target, size),
        "small": [await _small(target, size, rate) for rate in SMALL_RATES],
    }


async def _equal(target: Target, size: Size) -> Row:
    """All have work until the last window ends."""
    few = max(FEW, int(RATE / TENANTS * (size.seconds + 2)))
    senders = _senders(target, "equal", [1] * TENANTS, 20)
    times, begin, end = await _under_way(target, senders, [few * TIMES, *[few] * (TENANTS - 1)], size.seconds)
    window = max(1.0, TENANTS * quantum(RATE, TENANTS) / RATE)
    found = [
        [count_between(times.get(sender.number, ()), *edges) for sender in senders] for edges in windows(begin, end, window)
    ]
    return {
        "tenants": TENANTS,
        "rate": RATE,
        "windows": len(found),
        "window_seconds": window,
        "per_second": round(sum(map(sum, found)) / (len(found) * window), 1),
        "jain_least": round(min(map(jain, found)), 4),
        "share_least": min(map(min, found)),
        "share_most": max(map(max, found)),
    }


async def _weights(target: Target, size: Size) -> Row:
    senders = _senders(target, "weights", WEIGHTS, 50)
    enough = int(RATE * (size.seconds + 2))
    times, begin, end = await _under_way(target, senders, [enough] * len(senders), size.seconds)
    shares = share_of(times, begin, end)
    aims = [weight / sum(WEIGHTS) for weight in WEIGHTS]
    got = [shares.get(sender.number, 0.0) for sender in senders]
    return {
        "weights": list(WEIGHTS),
        "shares": [round(share, 4) for share in got],
        "off_most": round(max(abs(share / aim - 1) for share, aim in zip(got, aims, strict=True)), 4),
    }


async def _small(target: Target, size: Size, rate: float) -> Row:
    _set_rate(target, rate)
    await asyncio.sleep(SETTLE_SECONDS)
    large, small = _senders(target, f"small-{rate:g}", [1, 1], 60)
    await asyncio.to_thread(_until_sent, target, small, 0)  # warm
    alone = await asyncio.to_thread(_until_sent, target, small, 1)
    campaign = await asyncio.to_thread(large.start, size.recipients)
    await asyncio.sleep(SETTLE_SECONDS)
    behind = await asyncio.to_thread(_until_sent, target, small, 2)
    _set_rate(target, 1_000_000.0)
    await asyncio.to_thread(large.cancel, campaign)
    return {
        "rate": rate,
        "recipients": SMALL,
        "behind": size.recipients,
        "alone_seconds": round(alone, 3),
        "behind_seconds": round(behind, 3),
        "ratio": round(behind / alone, 2),
    }


async def _under_way(
    target: Target, senders: Sequence[Sender], recipients: Sequence[int], seconds: float
) -> tuple[dict[int, list[float]], float, float]:
    """Submits by the sender's number, once all send for so long; what is left is canceled."""
    _set_rate(target, 0.0)
    await asyncio.sleep(SETTLE_SECONDS)
    campaigns = [await asyncio.to_thread(sender.start, count) for sender, count in zip(senders, recipients, strict=True)]
    await asyncio.sleep(SETTLE_SECONDS)
    log = LogTail(target.log, skip=True)
    _set_rate(target, RATE)
    await asyncio.sleep(SETTLE_SECONDS)
    begin = time.time()
    await asyncio.sleep(seconds)
    times = submits_by(log.new_lines(), _number)
    _set_rate(target, 1_000_000.0)
    for sender, campaign in zip(senders, campaigns, strict=True):
        await asyncio.to_thread(sender.cancel, campaign)
    return times, begin, begin + seconds


def _until_sent(target: Target, sender: Sender, turn: int) -> float:
    """Seconds from the call until the carrier has all of a small campaign."""
    log, begun = LogTail(target.log, skip=True), time.monotonic()
    sender.start(SMALL, first=1000 * turn)
    seen = 0
    while seen < SMALL:
        if time.monotonic() - begun > BULK_SECONDS:
            raise Refusal(f"{SMALL - seen} messages were not submitted within {BULK_SECONDS:.0f} s", "see DATA/logs")
        time.sleep(LOOK_SECONDS)
        seen += len(submits_by(log.new_lines(), _number).get(sender.number, ()))
    return time.monotonic() - begun


def _senders(target: Target, name: str, weights: Sequence[int], first: int) -> list[Sender]:
    with open_admin_store(target.postgres) as store:
        made = []
        for number, weight in enumerate(weights, first):
            tenant, key = store.create_tenant(f"{name}-{number}", BALANCE)
            store.set_tenant(tenant, weight=weight)
            made.append(Sender(number=number, target=replace(target, key=key)))
        return made


def _set_rate(target: Target, rate: float) -> None:
    with open_admin_store(target.postgres) as store:
        store.set_carrier(CARRIER, rate=rate)


def _lines(number: int, first: int, count: int) -> Iterator[bytes]:
    for begin in range(first, first + count, 1000):
        end = min(begin + 1000, first + count)
        yield b"".join(LINE % (number, n) for n in range(begin, end))


def _number(to: bytes) -> int | None:
    return int(to[5:7]) if len(to) == 13 else None
