"""`sluice doctor`: each thing the product needs, with a sentence and the next step.

In: settings. Out: rows `{name, ok, milliseconds, address, says, next_step}`; exit 1 when one is not well.
"""

from __future__ import annotations

import json
import shutil
from typing import Any

import typer

from infra.cli.options import Config, Data, Output, find_settings
from infra.cli.output import show_rows
from infra.runtime.refusal import Refusal

GATEWAY_SECONDS = 5.0
LEAST_FREE = 1024**3


def doctor(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Look at everything the product needs."""
    rows = examine(find_settings(data, config))
    show_rows(rows, output, ("name", "ok", "milliseconds", "says", "next_step"))
    if not all(row["ok"] for row in rows):
        raise typer.Exit(1)


def examine(settings: Any) -> list[dict[str, Any]]:
    """All rows."""
    from infra.cli.probes import probe, probe_services

    rows = [
        probe(
            "data folder",
            str(settings.data_dir),
            lambda: _folder(settings),
            "free some space, or choose another with --data",
        ),
        probe(
            "keyring", str(settings.keyring_path), lambda: _keyring(settings), "run `sluice up` once, or set SLUICE_KEYRING"
        ),
        probe("kernels", "compiled modules", _kernels, "`make install` compiles them where a C compiler is"),
        *probe_services(settings),
    ]
    well = {row["name"] for row in rows if row["ok"]}
    if "kafka" in well:
        rows.append(probe("topics", settings.kafka.bootstrap, lambda: _topics(settings), "`sluice topics apply`"))
    if "postgres" in well:
        rows.append(probe("database", "schema", lambda: _database(settings), "`sluice db upgrade`"))
    rows.append(
        probe("gateway", settings.gateway.url, lambda: _gateway(settings), "see `sluice ps` and DATA/logs/gateway.log")
    )
    return rows


def _folder(settings: Any) -> str:
    if not settings.data_dir.is_dir():
        raise Refusal("it does not exist", "start a stack with `sluice up`, or name its folder with --data")
    free = shutil.disk_usage(settings.data_dir).free
    if free < LEAST_FREE:
        raise Refusal(f"only {free // 1024**2} MB are free")
    return f"{free // 1024**3} GB free"


def _keyring(settings: Any) -> str:
    from infra.security.keyring import load_keyring

    return f"current key {load_keyring(settings.keyring_path).current}"


def _kernels() -> str:
    """Well in any case: the sources do the same, only slower."""
    from infra.kernels.loader import state

    found = state()
    return f"{found.says}; `make install` compiles them anew" if found.stale else found.says


def _topics(settings: Any) -> str:
    from infra.kafka.topic_admin import compression_of, diff

    found = diff(settings.kafka, settings.kafka.replication, compression_of(settings.kafka))
    if found:
        raise Refusal(f"{len(found)} differences, the first: {found[0]}")
    return "as they should be"


def _database(settings: Any) -> str:
    from infra.postgres.migrate import status

    found = status(settings.postgres.url.get_secret_value())
    if found.pending:
        raise Refusal(f"lacks {', '.join(found.pending)}")
    return f"{len(found.applied)} migrations applied"


def _gateway(settings: Any) -> str:
    from infra.client.connection import connect

    connection, before, headers = connect(settings.gateway.url, GATEWAY_SECONDS)
    try:
        connection.request("GET", f"{before}/readyz", headers=headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise Refusal(f"not ready: {_compact(content)}")
    return f"ready ({answer.status})"


def _compact(content: bytes) -> str:
    try:
        return json.dumps(json.loads(content))[:300]
    except ValueError:
        return content[:100].decode(errors="replace")
