"""No request holds the loop over 20 ms: the largest previews, read, screened and dropped, in time of the processor.

In: bodies of the largest size. Out: for each call that the loop makes, the seconds for which this thread had a processor,
so that other work on the machine counts for nothing.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Iterator

import pytest

from gateway.campaigns.incremental import read_campaign
from gateway.carrier_routes import Routes
from gateway.http.loop_scheduler import LoopScheduler
from gateway.screening.screening import screen_all, screening_of

ROUTES = Routes([("+49", ["near"], 700)])
MOST_SECONDS = 0.020
HUNDRED = "".join(f"{{{{v{n}}}}}" for n in range(100))


@pytest.fixture
def holds(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """What each call of the loop took; without the collector, which here would look at all that tests have left, while a
    role has frozen what it began with."""
    took: list[float] = []
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        begun = time.thread_time()
        run(handle)
        took.append(time.thread_time() - begun)

    monkeypatch.setattr(asyncio.Handle, "_run", timed)
    gc.disable()
    yield took
    gc.enable()


def body(text: str, recipients: int, variables: dict[str, str]) -> bytes:
    values = json.dumps(variables, ensure_ascii=False)
    some = ", ".join(f'{{"to": "+4915112{n:06d}", "variables": {values}}}' for n in range(recipients))
    head = json.dumps({"name": "x", "from": "Shop", "smart_encoding": True, "body": text}, ensure_ascii=False)
    return f'{head.removesuffix("}")}, "recipients": [{some}]}}'.encode()


@pytest.mark.parametrize(
    ("text", "recipients", "variables"),
    [
        (HUNDRED, 10_000, {f"v{n}": "x" for n in range(100)}),
        (HUNDRED + "Ж", 2_000, {f"v{n}": "’" for n in range(100)}),
        (HUNDRED + "{{none}}", 2_000, {f"v{n}": "x" for n in range(100)}),
        ("{{a}}" + "Ж" * 12_900, 200, {"a": "’"}),
        ("{{a}}" * 7_999, 200, {"a": "Ж"}),
    ],
    ids=["many variables", "each looked up", "one missing", "long texts", "many placeholders"],
)
def test_no_call_of_the_loop_is_long(holds: list[float], text: str, recipients: int, variables: dict[str, str]) -> None:
    asyncio.run(preview(body(text, recipients, variables), recipients))
    assert len(holds) > 10 and max(holds) <= MOST_SECONDS


async def preview(data: bytes, recipients: int) -> None:
    """What the handler does with a body."""
    scheduler = LoopScheduler()
    wanted = await scheduler.run_to_result(read_campaign(data), "t")
    screening = screening_of(wanted.body, wanted.smart_encoding, ROUTES, lambda *_: None, lambda _: None)
    await scheduler.run(screen_all(screening, wanted.recipients, 50_000_000), "t")
    await scheduler.drop(wanted.recipients, "t")
    assert screening.totals.accepted + screening.totals.rejected == recipients and wanted.recipients == []
