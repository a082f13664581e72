"""`sluice bench`: load through the real pipeline on this machine, to compare one version with another.

In: a scenario and its size. Out: a row of figures as JSON or a table. It starts a stack of its own in a temporary folder,
with services tuned for throughput, and removes it afterwards.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import tempfile
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import Output
from infra.cli.output import Format, chosen, show_one, show_rows
from infra.runtime.console import tell

if TYPE_CHECKING:
    from infra.bench.scenarios import Size

CARRIER_RATE = 1_000_000
CARRIER_WINDOW = 2000
RECEIPT_WINDOW = 5000


class Scenario(StrEnum):
    """What is measured."""

    BULK = "bulk"
    SINGLE = "single"
    OTP = "otp"
    KILL = "kill"


def bench(
    scenario: Annotated[
        Scenario,
        typer.Option(
            help="bulk: a campaign; single: one message a call; otp: codes beside a campaign; kill: each role killed, until "
            "it works again."
        ),
    ] = Scenario.BULK,
    recipients: Annotated[int, typer.Option(min=1, help="Size of the campaign (bulk, otp).")] = 200_000,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long single messages are sent (single, otp).")] = 10.0,
    rounds: Annotated[int, typer.Option(min=1, max=20, help="How often each role is killed (kill).")] = 3,
    role: Annotated[list[str] | None, typer.Option(help="Only this role, e.g. streams-otp; may be repeated (kill).")] = None,
    output: Output = None,
) -> None:
    """Measure the pipeline: rate, cost per message, percentiles; or how long it takes to come back."""
    from infra.bench.kill import choose
    from infra.bench.scenarios import Size

    choose(role or ())
    folder = Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    try:
        figures = asyncio.run(
            _measure(folder, scenario, Size(recipients=recipients, seconds=seconds, rounds=rounds, roles=tuple(role or ())))
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if scenario is Scenario.KILL and chosen(output) in (Format.TABLE, Format.CSV):
        show_rows(figures["roles"], output)
        return
    show_one(
        {**figures, "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "kernel": platform.release()}},
        output,
    )


async def _measure(folder: Path, scenario: Scenario, size: Size) -> dict[str, Any]:
    from infra.bench.scenarios import SCENARIOS
    from infra.settings.carriers import CarrierSettings
    from infra.settings.load import load_settings
    from infra.settings.model import RouteSettings, SimulatorSettings
    from infra.supervisor.launch import launched
    from infra.supervisor.roles import choose_roles

    settings = load_settings({"data_dir": folder, "gateway.port": 0}, default_file=None).settings.model_copy(
        update={
            "carriers": [CarrierSettings(id="simulator", kind="simulator", rate=CARRIER_RATE, window=CARRIER_WINDOW)],
            "routes": [RouteSettings(prefix="", carriers=["simulator"], price=Decimal("0.0100"))],
            "simulator": SimulatorSettings(script={"receipt_window": RECEIPT_WINDOW}),
        }
    )
    async with launched(settings, choose_roles(None), tell=tell, tuning="bench", grace=0.0) as stack:
        tell(f"measuring {scenario}")
        return await SCENARIOS[scenario](stack, size)
