"""`sluice run ROLE`: one role in the foreground, until a signal.

In: the role, its pool, settings from all sources. Out: its logs on stderr and its exit code. The instance is this host's
name unless one is given: two processes of a role on one host need a name each, else Kafka takes them for one member.
"""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from infra.cli.options import Config, Data, find_settings


def run(
    role: Annotated[str, typer.Argument(help="gateway, streams, dispatch, sinks, delay, releaser, simulator")],
    pool: Annotated[str | None, typer.Option(help="otp or bulk, for streams and dispatch.")] = None,
    instance: Annotated[
        str | None, typer.Option(help="A stable name, unique among processes of this role. Default: the host's name.")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Run one role in the foreground."""
    from infra.supervisor.roles import SIMULATOR, check_script, find_role
    from infra.supervisor.run_role import serve

    row = find_role(role, pool)
    settings = find_settings(data, config)
    if row is SIMULATOR:
        check_script(settings.simulator.script)
    raise typer.Exit(serve(row, settings, f"{row.name}-{instance or socket.gethostname()}"))
