"""A campaign watched until its end: a live table on a terminal, silence elsewhere.

In: the gateway, a campaign's id, what counts as the end. Out: its last state. Faults of the gateway are waited out for ten
seconds, then raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from infra.client.api import Api, ApiError, segment

ENDED = ("completed", "completed_with_failures", "canceled")
FINAL = ("delivered", "read", "undelivered", "failed", "rejected", "expired", "canceled")
PATIENCE = 10.0
State = dict[str, Any]


def has_ended(state: State) -> bool:
    """Whether nothing more will be sent."""
    return state["status"] in ENDED


def all_final(state: State) -> bool:
    """Whether every message has its last state, receipts included."""
    counts = state["counts"]
    return has_ended(state) and sum(counts.get(name, 0) for name in FINAL) >= counts["accepted"]


def watch_campaign(
    api: Api, campaign: str, until: Callable[[State], bool] = has_ended, *, seconds: float | None = None, pause: float = 0.25
) -> State:
    """The state at the end. `seconds`: give up after so long and return the state of then."""
    from rich.console import Console
    from rich.live import Live

    deadline = None if seconds is None else time.monotonic() + seconds
    console = Console(stderr=True)
    state = _ask(api, campaign)
    if not console.is_terminal:
        while not until(state) and (deadline is None or time.monotonic() < deadline):
            time.sleep(pause)
            state = _ask(api, campaign)
        return state
    with Live(progress_table(state), console=console, transient=True, refresh_per_second=8) as live:
        while not until(state) and (deadline is None or time.monotonic() < deadline):
            time.sleep(pause)
            state = _ask(api, campaign)
            live.update(progress_table(state))
    return state


def _ask(api: Api, campaign: str) -> State:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return api.get(f"/v1/campaigns/{segment(campaign)}")
        except ApiError as fault:
            if fault.status not in (0, 503) or time.monotonic() > until:
                raise
            time.sleep(0.2)


def progress_table(state: State) -> Any:
    """Its state and how many messages are in each."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    accepted = state["counts"]["accepted"]
    for name, count in state["counts"].items():
        if count:
            share = f"{100 * count / accepted:5.1f} %" if accepted else ""
            table.add_row(name, f"{count:,}", share)
    return Group(Text(f"{state['name']}: {state['status']}"), table)
