"""`sluice ps`: the supervised roles, from the data folder alone.

In: `DATA/run/roles.json`. Out: name, role, pool, pid, uptime_seconds, restarts, state. When the supervisor is gone every
role is down, as its roles have ended with it. No file: `Refusal`.
"""

from __future__ import annotations

import time

from infra.cli.options import NO_STACK, Config, Data, Output, find_settings
from infra.cli.output import show_rows
from infra.runtime.console import tell


def ps(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Show the roles of the stack that runs here."""
    from infra.runtime.refusal import Refusal
    from infra.supervisor.data_folder import DataFolder, role_rows

    folder = DataFolder(find_settings(data, config).data_dir)
    known = folder.read(folder.roles_file)
    if not known:
        raise Refusal(f"no stack has run in {folder.path}", NO_STACK)
    show_rows(role_rows(known, time.time()), output)
    for stop in folder.read(folder.run / "stops.json").get("stops", []):
        tell(f"emergency stop: {stop['kind']} {stop['name']}".rstrip() + "; see `sluice panic`")
