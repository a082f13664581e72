"""`sluice bench`: load through the real pipeline on this machine, to compare one version with another.

In: a scenario and its size, perhaps a peer or another version to compare with. Out: figures as JSON or a table. It starts a
stack of its own in a temporary folder, with services tuned for throughput, and removes it afterwards. Wrong: options that
do not go together, a revision that git does not know: `Refusal` before anything is started.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import Output
from infra.cli.output import Format, chosen, show_one, show_rows
from infra.runtime.console import tell
from infra.runtime.refusal import Refusal

if TYPE_CHECKING:
    from infra.bench.size import Size


class Scenario(StrEnum):
    """What is measured."""

    BULK = "bulk"
    SINGLE = "single"
    OTP = "otp"
    UPLOAD = "upload"
    IDLE = "idle"
    KILL = "kill"
    RECEIPTS = "receipts"
    MIXED = "mixed"
    FAIRNESS = "fairness"
    RATES = "rates"
    HELD = "held"
    DUE = "due"


class Peer(StrEnum):
    """Other programs that send single messages."""

    KANNEL = "kannel"


SCENARIO_HELP = (
    "bulk: a campaign; single: one message a request; otp: codes beside a campaign; upload: recipients alone; "
    "idle: CPU and memory while nothing happens; kill: each role killed, until it works again; "
    "receipts: three a message, held back and let go shuffled; mixed: a campaign, single messages and codes at once; "
    "fairness: tenants behind a slow carrier; rates: ten carriers of 2,000 a second; held: everything waits once; "
    "due: up to 10,000 messages that are due within one second."
)


def bench(
    scenario: Annotated[Scenario, typer.Option(help=SCENARIO_HELP)] = Scenario.BULK,
    recipients: Annotated[int, typer.Option(min=1, help="Size of the campaign (all but single, idle, kill).")] = 200_000,
    seconds: Annotated[
        float, typer.Option(min=1, max=600, help="How long (all but bulk, upload, receipts, held, due, kill).")
    ] = 10.0,
    rounds: Annotated[int, typer.Option(min=1, max=20, help="How often (kill, --compare).")] = 3,
    role: Annotated[list[str] | None, typer.Option(help="Only this role, e.g. streams-otp; may be repeated (kill).")] = None,
    keyed: Annotated[bool, typer.Option(help="Every message with an Idempotency-Key of its own (single).")] = False,
    peer: Annotated[Peer | None, typer.Option(help="Measure this one too, by the same client (single).")] = None,
    compare: Annotated[str | None, typer.Option(help="A git revision that is measured in turn with this one.")] = None,
    profile: Annotated[Path | None, typer.Option(help="A flame graph (SVG) of every Python process, by py-spy.")] = None,
    output: Output = None,
) -> None:
    """Measure the pipeline: rate, cost per message, percentiles; or how long it takes to come back."""
    from infra.bench.kill import choose
    from infra.bench.size import Size

    choose(role or ())
    _check(scenario, peer, compare)
    if profile is not None:
        from infra.bench.profile import profiled, without_profile

        raise typer.Exit(profiled(without_profile(sys.argv[sys.argv.index("bench") + 1 :]), profile))
    size = Size(recipients=recipients, seconds=seconds, rounds=rounds, roles=tuple(role or ()), keyed=keyed)
    figures = _figures(scenario, size, peer, compare)
    _show(scenario, figures, output)
    if not _books_add_up(figures):
        raise typer.Exit(1)


def _show(scenario: Scenario, figures: dict[str, Any], output: Format | None) -> None:
    """Rows as a table where there are several, else everything with what it was measured on."""
    rows = figures.get("compared", figures.get("roles") if scenario is Scenario.KILL else None)
    if rows is not None and chosen(output) in (Format.TABLE, Format.CSV):
        show_rows(rows, output)
        return
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "kernel": platform.release()}
    show_one({**figures, "machine": {**machine, "load_average": round(os.getloadavg()[0], 2)}}, output)


def _books_add_up(figures: dict[str, Any]) -> bool:
    """Say on stderr what the checker of the ledger found in each run."""
    from infra.bench.ledger import clean, words

    for sentence in words(figures):
        tell(sentence)
    return clean(figures)


def _check(scenario: Scenario, peer: Peer | None, compare: str | None) -> None:
    """Raises Refusal for options that do not go together."""
    if peer is not None and scenario is not Scenario.SINGLE:
        raise Refusal(f"--peer does not go with --scenario {scenario}", "peers send single messages: --scenario single")
    if compare is not None and scenario in (Scenario.KILL, Scenario.FAIRNESS, Scenario.RATES):
        raise Refusal(f"--compare does not go with --scenario {scenario}", "run it in each version's own checkout")
    if compare is not None and peer is not None:
        raise Refusal("--compare does not go with --peer", "compare versions first, then measure the peer")


def _figures(scenario: Scenario, size: Size, peer: Peer | None, compare: str | None) -> dict[str, Any]:
    if compare is not None:
        from infra.bench.compare import compare as in_turn

        return asyncio.run(in_turn(scenario, size, compare))
    folder = Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    try:
        row = asyncio.run(_measure(folder, scenario, size))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return row if peer is None else _beside(row, size)


def _beside(row: dict[str, Any], size: Size) -> dict[str, Any]:
    """The row with that of the peer, which runs once our stack has ended: two cores are shared by nobody."""
    from infra.bench.peer import against, measure_kannel

    theirs = asyncio.run(measure_kannel(size.seconds))
    return row if theirs is None else {**row, "peer": theirs, "ratios": against(row, theirs)}


async def _measure(folder: Path, scenario: Scenario, size: Size) -> dict[str, Any]:
    from infra.bench.kill import kill
    from infra.bench.ledger import judged
    from infra.bench.scenarios import SCENARIOS
    from infra.bench.stack import bench_stack
    from infra.bench.target import target_of

    async with bench_stack(folder, rated=scenario is Scenario.RATES) as stack:
        tell(f"measuring {scenario}")
        if scenario is Scenario.KILL:
            row = await kill(stack, size.rounds, size.roles)
        else:
            target = target_of(stack.as_json(), os.getpid(), stack.settings.simulator.control_port)
            row = await SCENARIOS[scenario](target, size)
        tell("checking the ledger")
        return {**row, "verify": await judged(stack.settings)}
