"""`sluice bench --scenario receipts`: receipts alone, matched, stored and published.

In: a stack, how many messages. Out: a row: receipts a second and CPU a receipt, in all and by process. The carrier takes a
campaign and holds its receipts back; when the stack has become calm it lets them go, three a message (accepted, delivered,
delivered once more), shuffled over the whole campaign with a fixed seed. The clock stops when the carrier has every receipt
confirmed and every message is shown as delivered; CPU is counted until whoever reads the receipts has committed the last.
Wrong: receipts that do not come to an end in time: `Refusal`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from infra.bench.campaigns import upload_campaign, wait_for
from infra.bench.carrier_control import CarrierControl
from infra.bench.size import Size
from infra.bench.target import Row, Target, calm
from infra.client.api import Api
from infra.client.campaign_watch import State, all_final
from infra.kafka.client import Cluster
from infra.kafka.log_reader import committed_offsets, end_offsets
from infra.runtime.refusal import Refusal
from schemas.records.topics import CARRIER_RECEIPTS

WARM_UP = 100_000
STATES = ("ACCEPTD", "DELIVRD", "DELIVRD")
SEED = 20_261
READER = "sluice-streams-bulk"
LAST_SECONDS, LOOK_SECONDS = 120.0, 0.02


class LetGo(NamedTuple):
    """`seconds` until all were confirmed and shown; `confirmed`: until the carrier had all its answers."""

    receipts: int
    confirmed: float
    seconds: float


async def receipts(target: Target, size: Size) -> Row:
    """Warm up in the same way, measure, and let receipts go at once again."""
    control = target.carrier()
    await asyncio.to_thread(control.hold, True)
    warm = await asyncio.to_thread(_send_held, target, min(WARM_UP, size.recipients))
    await asyncio.to_thread(_let_go, target, control, warm, SEED)
    campaign = await asyncio.to_thread(_send_held, target, size.recipients)
    await calm(target)
    before = target.cpu()
    gone = await asyncio.to_thread(_let_go, target, control, campaign, SEED + 1)
    cost = target.cost(before, gone.receipts)
    await asyncio.to_thread(control.hold, False)
    return {
        "scenario": "receipts",
        "recipients": size.recipients,
        "receipts": gone.receipts,
        "seconds": round(gone.seconds, 3),
        "per_second": round(gone.receipts / gone.seconds),
        "confirmed_per_second": round(gone.receipts / gone.confirmed),
        "cpu_us_per_receipt": cost["cpu_us_per_message"],
        "cpu_us_by_process": cost["cpu_us_by_process"],
    }


def _send_held(target: Target, recipients: int) -> str:
    """A campaign that the carrier has taken whole and reported nothing of."""
    campaign = upload_campaign(target, recipients)
    Api(target.url, target.key).post(f"/v1/campaigns/{campaign}/start")
    wait_for(target, campaign, _all_sent)
    return campaign


def _all_sent(state: State) -> bool:
    return bool(state["counts"].get("sent", 0) >= state["counts"]["accepted"])


def _let_go(target: Target, control: CarrierControl, campaign: str, seed: int) -> LetGo:
    confirmed = control.counters()["receipts_confirmed"]
    count, begun = control.release(STATES, seed), time.monotonic()
    _until(lambda: control.counters()["receipts_confirmed"] >= confirmed + count, "were confirmed")
    answered = time.monotonic() - begun
    wait_for(target, campaign, all_final)
    seconds = time.monotonic() - begun
    _until(lambda: _read(target.kafka), "were read")
    return LetGo(count, answered, seconds)


def _read(kafka: Cluster) -> bool:
    """Whether every receipt in the log has been handled, those that change nothing too."""
    committed = committed_offsets(kafka, {READER: (CARRIER_RECEIPTS,)})
    ends = end_offsets(kafka, (CARRIER_RECEIPTS,))
    return all(committed.get((READER, *place), 0) >= end for place, end in ends.items())


def _until(holds: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + LAST_SECONDS
    while not holds():
        if time.monotonic() > until:
            raise Refusal(f"not all receipts {what} within {LAST_SECONDS:.0f} s", "see DATA/logs")
        time.sleep(LOOK_SECONDS)
