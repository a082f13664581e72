"""`sluice up`: the whole stack on this machine until Ctrl-C.

In: `--roles`, `--data`, `--port`, `--config`. Out: one JSON line or a few lines for people on stdout once everything is
ready; progress on stderr. SIGINT and SIGTERM end everything that was started.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import Config, Data, Output
from infra.cli.output import Format, chosen, show_one
from infra.runtime.console import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.settings.model import Settings
    from infra.supervisor.launch import Launched
    from infra.supervisor.roles import RoleRow


def up(
    roles: Annotated[str | None, typer.Option(help="Only these roles, e.g. gateway,streams-otp.")] = None,
    data: Data = None,
    port: Annotated[int | None, typer.Option(help="Port of the gateway; 0 = any free one.")] = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Start everything and keep it running until Ctrl-C."""
    from infra.settings.load import load_settings
    from infra.supervisor.roles import choose_roles

    loaded = load_settings({"data_dir": data, "gateway.port": port}, config=config)
    asyncio.run(
        _serve(loaded.settings, choose_roles(roles), output, ("gateway", "port") in loaded.places, roles is not None)
    )


async def _serve(
    settings: Settings, rows: Sequence[RoleRow], output: Format | None, port_given: bool, roles_given: bool
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ready = asyncio.Event()
    main = asyncio.create_task(_hold(settings, rows, output, (port_given, roles_given), stop, ready))
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait((main, asked), return_when=asyncio.FIRST_COMPLETED)
    if not main.done() and not ready.is_set():
        main.cancel()
    await asyncio.wait((main,))
    if stop.is_set():
        # Trap: an ordinary exit joins threads that may still wait for a service that has just been ended.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    asked.cancel()
    await main


async def _hold(
    settings: Settings,
    rows: Sequence[RoleRow],
    output: Format | None,
    given: tuple[bool, bool],
    stop: asyncio.Event,
    ready: asyncio.Event,
) -> None:
    from infra.supervisor.launch import launched

    async with launched(settings, rows, tell=tell, port_given=given[0], roles_given=given[1]) as stack:
        _announce(stack, output)
        ready.set()
        await stop.wait()


def _announce(stack: Launched, output: Format | None) -> None:
    if chosen(output) is not Format.TABLE:
        show_one(stack.as_json(), output)
        return
    sys.stdout.write(for_people(stack.as_json()))
    sys.stdout.flush()


def for_people(line: dict[str, Any]) -> str:
    """Addresses and lines to copy."""
    call = f"curl -s {line['gateway']}"
    key = f"-H 'Authorization: Bearer {line['api_key']}'"
    return f"""
  gateway    {line["gateway"]}
  kafka      {line["kafka"]}
  postgres   {line["postgres"]}
  redis      {line["redis"]}
  api key    {line["api_key"]}
  data       {line["data_dir"]}   (logs in logs/, keys in credentials.json)

  {call}/v1/messages {key} \\
    -H 'Content-Type: application/json' -d '{{"to": "+4915112345678", "from": "Sluice", "body": "Hello"}}'
  {call}/v1/balance {key}

  Ctrl-C ends everything.
"""
