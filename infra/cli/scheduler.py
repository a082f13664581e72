"""`sluice scheduler start|stop|status`: whether releasers let anything go, of all of them at once.

In: nothing. Out: the stored state, each releaser as it told within the last seconds, the rows that wait. It is stored in
PostgreSQL, which every releaser reads each second, also after a restart; a word through Redis makes it at once. With Redis
away start and stop are in force all the same; which releasers there are is not known then. Exit 1 when a releaser has not
taken it over in time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from infra.cli.options import Config, Data, Output, admin_store, find_settings
from infra.cli.output import Format, chosen, show_one, show_rows
from infra.runtime.console import tell
from infra.runtime.refusal import Refusal

if TYPE_CHECKING:
    from infra.redis.releaser_board import Releaser

app = typer.Typer(no_args_is_help=True, help="The releasers: what waits, and goes on when its time has come.")
PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 0.1


@app.command()
def start(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Let what waits go on, at all releasers."""
    _set(True, data, config, output)


@app.command()
def stop(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Let nothing go that waits, at all releasers, until `start`; cancels still take effect."""
    _set(False, data, config, output)


@app.command()
def status(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Show the state, each releaser, and what waits."""
    _show(_status(data, config), output)


def _set(enabled: bool, data: Path | None, config: Path | None, output: Format | None) -> None:
    with admin_store(data, config) as store:
        store.scheduler.set(enabled)
    deadline = time.monotonic() + PATIENCE_SECONDS
    _releasers(data, config, call=True)
    while any(one.enabled != enabled for one in _releasers(data, config) or ()):
        if time.monotonic() > deadline:
            raise Refusal("it is stored, and a releaser has not taken it over yet", "see `sluice scheduler status`")
        time.sleep(_LOOK_SECONDS)
    _show(_status(data, config), output)


def _status(data: Path | None, config: Path | None) -> dict[str, Any]:
    told = _releasers(data, config)
    with admin_store(data, config) as store:
        state, waiting, leased = store.scheduler.state(), store.scheduler.waiting(), store.scheduler.leased()
    return {
        "enabled": None if state is None else state["enabled"],
        "since": None if state is None else _instant(state["since"]),
        "waiting": waiting.get("waiting", 0),
        "due": waiting.get("due", 0),
        "releasers": None
        if told is None
        else [
            {
                "name": one.name,
                "enabled": one.enabled,
                "last_claim": _instant(one.last_claim) if one.last_claim else None,
                "leased": leased.get(one.lease, 0),
            }
            for one in told
        ],
    }


def _show(shown: dict[str, Any], output: Format | None) -> None:
    if chosen(output) is not Format.TABLE:
        show_one(shown, output)
        return
    states = {None: "each releaser as its settings say", True: "enabled", False: "stopped: nothing that waits goes on"}
    tell(f"{states[shown['enabled']]}; {shown['waiting']} rows wait, {shown['due']} of them due")
    if shown["releasers"] is None:
        tell("Redis does not answer: which releasers there are is not known")
    show_rows(shown["releasers"] or [], output, ("name", "enabled", "last_claim", "leased"))


def _releasers(data: Path | None, config: Path | None, *, call: bool = False) -> list[Releaser] | None:
    """Those that told lately; None when Redis does not say. `call`: make them look at the stored state."""
    import asyncio

    url = find_settings(data, config).redis.url
    return None if url is None else asyncio.run(_ask(url.get_secret_value(), call))


async def _ask(url: str, call: bool) -> list[Releaser] | None:
    from infra.redis.client import RedisDown, connect
    from infra.redis.releaser_board import ReleaserBoard

    redis = connect(url)
    try:
        if call:
            await ReleaserBoard(redis).call()
            return []
        return await ReleaserBoard(redis).read(time.time_ns() // 1_000_000)
    except RedisDown:
        return None
    finally:
        await redis.close()


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
