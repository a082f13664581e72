"""`sluice services up|down|status`: Kafka, PostgreSQL and Redis alone, held by a process in the background.

In: a data folder, settings. Out: their addresses, also as `SLUICE_...=` lines. Wrong: an `up` has services in the folder,
there is no room, or one does not start: `Refusal` with the end of the holder's log.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from infra.cli.options import Config, Data, Output, find_settings
from infra.cli.output import Format, show_one, show_rows
from infra.runtime.console import tell
from infra.runtime.refusal import Refusal

app = typer.Typer(no_args_is_help=True, help="Kafka, PostgreSQL and Redis on this machine.")
PATIENCE = 180.0
VARIABLES = {"kafka": "SLUICE_KAFKA__BOOTSTRAP", "postgres": "SLUICE_POSTGRES__URL", "redis": "SLUICE_REDIS__URL"}


class UpFormat(StrEnum):
    """As everywhere, and lines for a shell."""

    ENV = "env"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    TABLE = "table"


@app.command()
def up(
    data: Data = None,
    config: Config = None,
    output: Annotated[UpFormat | None, typer.Option("--output", "-o", help="env = SLUICE_...= lines.")] = None,
) -> None:
    """Start them in the background; what settings point elsewhere is not started."""
    from infra.services.service import make_folder
    from infra.settings.load import load_settings
    from infra.supervisor.data_folder import DataFolder, is_alive
    from infra.supervisor.service_answers import check_given

    settings = load_settings({"data_dir": data}, config=config).settings
    folder = DataFolder(settings.data_dir)
    folder.create()
    if not is_alive(folder.read(folder.services_file).get("holder")):
        if is_alive(folder.read(folder.roles_file).get("supervisor")):
            raise Refusal(
                f"a `sluice up` runs in {folder.path} and has its services already",
                "see `sluice services status`, or choose another folder with --data",
            )
        check_given(settings)
        make_folder(folder.path)
        tell("starting the services")
        _start_holder(folder, settings)
    addresses = folder.read(folder.services_file)
    rows = {name: str(addresses[name]) for name in VARIABLES}
    if output is UpFormat.ENV:
        sys.stdout.write("".join(f"{VARIABLES[name]}={address}\n" for name, address in rows.items()))
    else:
        show_one(rows, None if output is None else Format(output.value))


@app.command()
def down(data: Data = None, config: Config = None) -> None:
    """Stop those that `services up` started."""
    from infra.supervisor.data_folder import DataFolder, is_alive

    folder = DataFolder(find_settings(data, config).data_dir)
    holder = folder.read(folder.services_file).get("holder")
    if not isinstance(holder, list) or not is_alive(holder):
        by_up = is_alive(folder.read(folder.roles_file).get("supervisor"))
        tell("the services here are those of a `sluice up`; they end with it" if by_up else "no services are held here")
        return
    os.kill(holder[0], signal.SIGTERM)
    if not _until(lambda: not is_alive(holder), 30):
        raise Refusal("the services have not ended within 30 s", f"kill {holder[0]}")


@app.command()
def status(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Where they are and whether they answer."""
    from infra.cli.probes import probe_services

    rows = probe_services(find_settings(data, config))
    show_rows(rows, output)
    if not all(row["ok"] for row in rows):
        raise typer.Exit(1)


def _start_holder(folder: Any, settings: Any) -> None:
    from infra.runtime.private_files import open_private_log
    from infra.settings.load import as_variables, child_environment

    log = folder.logs / "services.log"
    with open_private_log(log) as out:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "infra.supervisor.services_holder", str(folder.path)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env={**child_environment(), **as_variables(settings)},
        )
    ready = _until(
        lambda: process.poll() is not None or folder.read(folder.services_file).get("pid") == process.pid, PATIENCE
    )
    if not ready or process.poll() is not None:
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        raise Refusal(f"the services did not start: {last[0]}", f"see {log}")


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
