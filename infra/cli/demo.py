"""`sluice demo`: a whole stack in a fresh folder, one campaign delivered by the simulated carrier, the ledger checked.

In: how many recipients. Out: live counts on stderr, a summary on stdout; exit 0 only if every recipient was accepted and has
its last state, and `verify` finds nothing. The folder is removed afterwards, unless `--keep`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.bench.recipients import BODY, fictitious_recipients
from infra.cli.options import Output
from infra.cli.output import Format, chosen, show_one
from infra.runtime.console import tell

if TYPE_CHECKING:
    from infra.supervisor.launch import Launched

MOST_RECIPIENTS = 10_000_000
SECONDS_PER_RECIPIENT = 0.005


def demo(
    recipients: Annotated[int, typer.Option(min=1, max=MOST_RECIPIENTS, help="How many, all fictitious.")] = 10_000,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folder.")] = False,
    output: Output = None,
) -> None:
    """See a campaign delivered: real Kafka, PostgreSQL, Redis, every role, a simulated carrier."""
    folder = Path(tempfile.mkdtemp(prefix="sluice-demo-"))
    summary: dict[str, Any] | None = None
    try:
        summary = asyncio.run(_run(folder, recipients, keep))
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    if keep:
        summary["data_dir"] = str(folder)
    _show(summary, output)
    if keep:
        tell(f"kept: `sluice up --data {folder}` starts it again, logs are in {folder / 'logs'}")
    if not summary["ok"]:
        raise typer.Exit(1)


async def _run(folder: Path, recipients: int, keep: bool) -> dict[str, Any]:
    from infra.settings.load import load_settings
    from infra.supervisor.launch import launched
    from infra.supervisor.roles import choose_roles

    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    settings = load_settings({"data_dir": folder, "gateway.port": 0}, default_file=None).settings
    begun = time.monotonic()
    try:
        async with launched(settings, choose_roles(None), tell=tell, grace=None if keep else 0.0, forks=keep) as stack:
            tell(f"everything is up after {time.monotonic() - begun:.1f} s: {stack.settings.gateway.url}")
            return await asyncio.to_thread(_campaign, stack, recipients)
    except asyncio.CancelledError:
        # Trap: the campaign's thread cannot be ended, and an ordinary exit would wait for it.
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
        sys.stderr.flush()
        os._exit(130)


def _campaign(stack: Launched, recipients: int) -> dict[str, Any]:
    from infra.client.api import Api
    from infra.client.campaign_watch import all_final, watch_campaign
    from infra.verify.verify import verify

    api = Api(stack.settings.gateway.url or "", stack.credentials.api_key)
    begun = time.monotonic()
    made = api.post(
        "/v1/campaigns",
        {"name": "demo", "from": "Sluice", "body": BODY, "lane": "marketing", "open": True, "recipients": []},
    )
    uploaded = api.upload(f"/v1/campaigns/{made['id']}/recipients", fictitious_recipients(recipients), 1)
    tell(f"{uploaded['accepted']:,} recipients accepted after {time.monotonic() - begun:.1f} s")
    api.post(f"/v1/campaigns/{made['id']}/start")
    state = watch_campaign(api, made["id"], all_final, seconds=60 + recipients * SECONDS_PER_RECIPIENT)
    seconds = time.monotonic() - begun
    tell("checking the ledger")
    report = verify(stack.settings, wait=30)
    # Money follows the states by a moment; the consumers that verify waited for have it now.
    state = api.get(f"/v1/campaigns/{made['id']}")
    counts = state["counts"]
    return {
        "ok": report.ok and all_final(state) and counts["accepted"] == recipients,
        "accepted": counts["accepted"],
        "delivered": counts["delivered"],
        "status": state["status"],
        "seconds": round(seconds, 2),
        "messages_per_second": round(recipients / seconds),
        "price": state["price"],
        "violations": report.to_json()["violations"],
    }


def _show(summary: dict[str, Any], output: Format | None) -> None:
    if chosen(output) is not Format.TABLE:
        show_one(summary, output)
        return
    verdict = "the ledger adds up" if summary["ok"] else f"IT DOES NOT ADD UP: {summary['violations'] or summary['status']}"
    sys.stdout.write(f"""
  accepted    {summary["accepted"]:,}
  delivered   {summary["delivered"]:,}
  price       {summary["price"]}
  time        {summary["seconds"]} s from the first call to the last receipt, {summary["messages_per_second"]:,} messages/s
  verify      {verdict}
""")
