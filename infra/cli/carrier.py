"""`sluice carrier list|show|set|apply`.

In: a carrier's id, and new limits or the settings file. Out: carriers without their passwords. Changes are in force within a
second or two.
"""

from __future__ import annotations

import math
from typing import Annotated

import typer

from infra.cli.carrier_health import health_of
from infra.cli.options import Config, Data, Output, admin_store
from infra.cli.output import show_one, show_rows
from infra.settings.limits import HIGHEST_RATE, LONGEST_RECEIPT_WAIT, MOST_BINDS, MOST_WINDOW

Carrier = Annotated[str, typer.Argument(metavar="ID", help="e.g. acme-de")]
app = typer.Typer(no_args_is_help=True, help="Carriers.")
COLUMNS = ("id", "kind", "rate", "window", "binds", "receipt_wait_seconds", "partition")


@app.command("list")
def list_(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Show all carriers."""
    with admin_store(data, config) as store:
        show_rows(store.carriers(), output, COLUMNS)


@app.command()
def show(carrier: Carrier, data: Data = None, config: Config = None, output: Output = None) -> None:
    """Show one carrier, and how it is doing in each lane: what its breaker is, since when, and the last fault."""
    with admin_store(data, config) as store:
        row = store.carrier(carrier)
    show_one(row | {"health": health_of(carrier, data, config)}, output)


@app.command("set")
def set_(
    carrier: Carrier,
    rate: Annotated[
        float | None,
        typer.Option(min=0, max=HIGHEST_RATE, help="Segments per second; 0.2 = one in five seconds, 0 = stopped."),
    ] = None,
    window: Annotated[int | None, typer.Option(min=1, max=MOST_WINDOW, help="Submits in flight per connection.")] = None,
    binds: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_BINDS, help="Most connections in all; with 1, one process carries all lanes, otp first."
        ),
    ] = None,
    receipt_wait: Annotated[
        int | None, typer.Option(min=1, max=LONGEST_RECEIPT_WAIT, help="Seconds that a receipt may take.")
    ] = None,
    sender_rate: Annotated[
        str | None, typer.Option(help="Segments per second of each sender id, within --rate; none = no bound.")
    ] = None,
    sender: Annotated[
        list[str] | None, typer.Option(metavar="NAME=RATE", help="Of this sender id another one; NAME=none takes it away.")
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(metavar="PREFIX=RATE", help="To numbers that begin so, e.g. +4915=0.5; PREFIX=none takes it away."),
    ] = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Change a carrier while everything runs."""
    from infra.cli.narrow_rates import read_changes
    from infra.runtime.refusal import Refusal

    limits = {"rate": rate, "window": window, "binds": binds, "receipt_wait_seconds": receipt_wait}
    changes = {name: value for name, value in limits.items() if value is not None}
    changes |= read_changes(sender_rate, sender or (), network or ())
    if not changes:
        raise Refusal(
            "nothing to change", "give --rate, --window, --binds, --receipt-wait, --sender-rate, --sender or --network"
        )
    if rate is not None and not math.isfinite(rate):
        raise Refusal(f"--rate {rate} is no rate", "write segments per second, such as 100, 0.2, or 0 to stop")
    with admin_store(data, config) as store:
        show_one(store.set_carrier(carrier, **changes), output)


@app.command()
def apply(carrier: Carrier, data: Data = None, config: Config = None, output: Output = None) -> None:
    """Put a carrier into force as the settings file has it: host, account, password, receipt states, errors, limits."""
    from infra.cli.options import find_settings, postgres_url
    from infra.postgres.admin_store import open_admin_store
    from infra.runtime.refusal import Refusal
    from infra.security.keyring import load_keyring

    settings = find_settings(data, config)
    row = next((row for row in settings.carriers if row.id == carrier), None)
    if row is None:
        raise Refusal(
            f"the settings file has no carrier {carrier!r}",
            "write its [[carriers]] into ./sluice.toml, or name the file with --config",
        )
    if row.of_kind is None:
        raise Refusal(
            f"{carrier!r} is the simulator, whose address `sluice up` notes", "change its limits with `sluice carrier set`"
        )
    with open_admin_store(postgres_url(settings)) as store:
        show_one(store.apply_carrier(row, row.of_kind, load_keyring(settings.keyring_path)), output)
