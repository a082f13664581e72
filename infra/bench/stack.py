"""The stack that is measured: this version's in this process, or any version's as a program of its own.

In: an empty folder. Out: the stack while the block lasts, with a simulated carrier that has no limit worth speaking of.
Wrong: what starting a stack raises.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

from infra.runtime.console import tell
from infra.services.ports import free_port
from infra.settings.carriers import CarrierSettings
from infra.settings.load import load_settings
from infra.settings.model import RouteSettings, SimulatorSettings
from infra.supervisor.launch import Launched, launched
from infra.supervisor.roles import choose_roles

CARRIER_RATE = 1_000_000
CARRIER_WINDOW = 2000
RECEIPT_WINDOW = 5000
PRICE = "0.0100"
RATED, RATED_RATE, RATED_WINDOW = 10, 2000.0, 500
RATE_PREFIX = "49160"
"""Behind it the number of the carrier."""


@asynccontextmanager
async def bench_stack(folder: Path, *, rated: bool = False) -> AsyncIterator[Launched]:
    """This version, with services tuned for throughput. `rated`: with ten carriers more that have a rate."""
    numbers = range(RATED if rated else 0)
    settings = load_settings({"data_dir": folder, "gateway.port": 0}, default_file=None).settings.model_copy(
        update={
            "carriers": [
                CarrierSettings(id="simulator", kind="simulator", rate=CARRIER_RATE, window=CARRIER_WINDOW),
                *(CarrierSettings(id=f"r{n}", kind="simulator", rate=RATED_RATE, window=RATED_WINDOW) for n in numbers),
            ],
            "routes": [
                RouteSettings(prefix="", carriers=["simulator"], price=Decimal(PRICE)),
                *(RouteSettings(prefix=f"+{RATE_PREFIX}{n}", carriers=[f"r{n}"], price=Decimal(PRICE)) for n in numbers),
            ],
            "simulator": SimulatorSettings(script={"receipt_window": RECEIPT_WINDOW}, control_port=free_port()),
        }
    )
    async with launched(settings, choose_roles(None), tell=tell, tuning="bench", grace=0.0) as stack:
        yield stack
