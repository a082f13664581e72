"""`sluice bench --scenario rates`: ten carriers of 2,000 segments a second each, all with a backlog, a campaign each.

In: a stack that has them (`stack.py`), for how long. Out: a row: how much of its allowance each carrier used, how far it was
exceeded in any second, by the carrier's own log, and CPU a message. The messages that are left over are canceled. Wrong:
numbers that are refused: `Refusal`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence

from infra.bench.campaigns import open_campaign, run_campaign
from infra.bench.log_tail import LogTail
from infra.bench.size import Size
from infra.bench.stack import RATE_PREFIX, RATED, RATED_RATE
from infra.bench.target import Row, Target
from infra.bench.windows import count_between, most_in, submits_by, windows
from infra.client.api import Api
from infra.client.campaign_watch import has_ended, watch_campaign
from infra.runtime.refusal import Refusal

WARM_UP = 50_000
BEGIN_SECONDS, END_SECONDS = 3.0, 60.0
LINE = b'{"to":"+%s%d%07d","variables":{"name":"customer","day":"Monday"}}\n'


async def rates(target: Target, size: Size) -> Row:
    """Warm up on another carrier, fill all of these, look at what they log."""
    await asyncio.to_thread(run_campaign, target, WARM_UP)
    recipients = int(RATED_RATE * (size.seconds + BEGIN_SECONDS + RATED))
    campaigns = [await asyncio.to_thread(_start, target, carrier, recipients) for carrier in range(RATED)]
    log = LogTail(target.log, skip=True)
    await asyncio.sleep(BEGIN_SECONDS)
    begin, before = time.time(), target.cpu()
    await asyncio.sleep(size.seconds)
    end = begin + size.seconds
    times = submits_by(log.new_lines(), _carrier)
    sent = {carrier: count_between(of, begin, end) for carrier, of in times.items()}
    cost = target.cost(before, sum(sent.values()))
    await asyncio.to_thread(_cancel, target, campaigns)
    uses = [sent.get(carrier, 0) / (RATED_RATE * size.seconds) for carrier in range(RATED)]
    seconds = [count_between(of, *edges) / RATED_RATE for of in times.values() for edges in windows(begin, end, 1.0)]
    return {
        "scenario": "rates",
        "carriers": RATED,
        "rate": RATED_RATE,
        "per_second": round(sum(sent.values()) / size.seconds),
        "used_least": round(min(uses), 4),
        "used": round(sum(uses) / RATED, 4),
        "second_least": round(min(seconds, default=0.0), 4),
        "most_in_a_second": round(max((most_in(of, 1.0) for of in times.values()), default=0) / RATED_RATE, 4),
        **cost,
    }


def _start(target: Target, carrier: int, recipients: int) -> str:
    api, campaign = Api(target.url, target.key), open_campaign(target)
    told = api.upload(f"/v1/campaigns/{campaign}/recipients", _lines(carrier, recipients), 1)
    if told["accepted"] != recipients:
        raise Refusal(f"{recipients - told['accepted']} of {recipients} numbers were refused: {told['rejected'][:1]}")
    api.post(f"/v1/campaigns/{campaign}/start")
    return campaign


def _cancel(target: Target, campaigns: Sequence[str]) -> None:
    api = Api(target.url, target.key)
    for campaign in campaigns:
        api.post(f"/v1/campaigns/{campaign}/cancel")
    for campaign in campaigns:
        watch_campaign(api, campaign, has_ended, seconds=END_SECONDS)


def _lines(carrier: int, count: int) -> Iterator[bytes]:
    prefix = RATE_PREFIX.encode()
    for first in range(0, count, 1000):
        yield b"".join(LINE % (prefix, carrier, number) for number in range(first, min(first + 1000, count)))


def _carrier(to: bytes) -> int | None:
    """Which of them has this number."""
    prefix = RATE_PREFIX.encode()
    return int(to[len(prefix) : len(prefix) + 1]) if to.startswith(prefix) else None
