"""`sluice panic`: emergency stops.

In: a tenant, a sender, a carrier, or everything; `--lift` for the way back. Out: the stops in force. What is stopped waits,
and goes on when the stop is lifted, as far as its validity lasts.
"""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.options import Config, Data, Output, Yes, admin_store, confirm
from infra.cli.output import show_rows
from infra.runtime.refusal import Refusal
from schemas.rules.stops import Stop, StopKind
from schemas.values.sender import SenderError, parse_sender


def panic(
    tenant: Annotated[str | None, typer.Option(help="Whatever this tenant sends; name or id.")] = None,
    sender: Annotated[str | None, typer.Option(help="Whatever has this sender.")] = None,
    carrier: Annotated[str | None, typer.Option(help="Whatever would go to this carrier.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
    lift: Annotated[bool, typer.Option("--lift", help="End the stop.")] = False,
    yes: Yes = False,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Stop sending at once, or lift a stop; without options show the stops in force."""
    given = {StopKind.TENANT: tenant, StopKind.SENDER: sender, StopKind.CARRIER: carrier, StopKind.ALL: everything or None}
    named = [(kind, name) for kind, name in given.items() if name is not None]
    if len(named) > 1:
        raise Refusal(
            f"one stop at a time, not {' and '.join(f'--{kind}' for kind, _ in named)}",
            "give one of --tenant, --sender, --carrier and --all",
        )
    if lift and not named:
        raise Refusal("which stop is to be lifted?", "give --tenant, --sender, --carrier or --all with --lift")
    if sender is not None and not lift:
        _check_sender(sender)
    with admin_store(data, config) as store:
        for kind, name in named:
            stop = Stop(kind, "" if name is True else str(name))
            if kind is StopKind.TENANT:
                stop = Stop(kind, str(store.tenant(stop.name)["id"]))
            if lift:
                if not store.stops.lift(stop):
                    raise Refusal(f"no stop of {_words(kind, name)} is in force", "see `sluice panic`")
            else:
                confirm(f"Stop {_words(kind, name)}? What is under way to a carrier cannot be called back.", yes)
                try:
                    store.stops.stop(stop)
                except LookupError as fault:
                    raise Refusal(str(fault), "see `sluice carrier list`") from None
        show_rows(store.stops.stops(), output, ("kind", "name", "tenant", "since"), empty="no stop is in force")


def _check_sender(name: str) -> None:
    """One that no message can have would stop nothing."""
    try:
        parse_sender(name)
    except SenderError as fault:
        raise Refusal(
            f"--sender {name!r} would stop nothing: {fault.detail}", "write it as messages have it in `from`"
        ) from None


def _words(kind: StopKind, name: object) -> str:
    return "all sending" if kind is StopKind.ALL else f"the {kind} {name}"
