"""The roles of the product: which module runs each, in which pool, how politely.

In: a role's name, with or without its pool. Out: its row. A role's module is imported when the role is loaded, not before:
a command that only lists roles stays quick. An unknown name raises `Refusal`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from infra.runtime.refusal import Refusal
from infra.runtime.role import PoolName, Run
from schemas.values.json_words import in_words


class RoleRow(NamedTuple):
    """One process. `load`: import what it runs. `nice`: its priority below others. `name`: unique, e.g. `streams-bulk`."""

    role: str
    pool: PoolName | None
    load: Callable[[], Run]
    nice: int = 0

    @property
    def name(self) -> str:
        return self.role if self.pool is None else f"{self.role}-{self.pool}"


def _gateway() -> Run:
    from gateway.role import run

    return run


def _streams() -> Run:
    from streams.role import run

    return run


def _dispatch() -> Run:
    from connectors.dispatch.role import run

    return run


def _sinks() -> Run:
    from connectors.sinks.role import run

    return run


def _delay() -> Run:
    from connectors.delay import run

    return run


def _releaser() -> Run:
    from connectors.releaser.role import run

    return run


def _simulator() -> Run:
    from connectors.simulator.role import run

    return run


BULK_NICE = 10
ASIDE_NICE = 5
"""Of roles that no message waits for on its way to a carrier."""
SIMULATOR = RoleRow("simulator", None, _simulator)
ROLES: tuple[RoleRow, ...] = (
    RoleRow("gateway", None, _gateway),
    RoleRow("streams", "otp", _streams),
    RoleRow("streams", "bulk", _streams, BULK_NICE),
    RoleRow("dispatch", "otp", _dispatch),
    RoleRow("dispatch", "bulk", _dispatch, BULK_NICE),
    RoleRow("sinks", None, _sinks, ASIDE_NICE),
    RoleRow("delay", None, _delay, ASIDE_NICE),
    RoleRow("releaser", None, _releaser, ASIDE_NICE),
    SIMULATOR,
)


def find_role(role: str, pool: str | None = None) -> RoleRow:
    """The row of `streams-bulk`, or of `streams` with the pool `bulk`."""
    rows = [row for row in ROLES if role == row.name and pool in (None, row.pool)]
    rows = rows or [row for row in ROLES if role == row.role and pool == row.pool]
    if rows:
        return rows[0]
    if any(row.role == role for row in ROLES):
        pools = " or ".join(f"--pool {row.pool}" for row in ROLES if row.role == role and row.pool)
        if pools:
            raise Refusal(f"the role {role} works in pools", f"say {pools}")
        raise Refusal(f"the role {role} has no pools", "leave --pool out")
    raise Refusal(f"there is no role {role!r}", f"one of: {', '.join(row.name for row in ROLES)}")


def choose_roles(names: str | None) -> tuple[RoleRow, ...]:
    """The rows of `a,b`; a role's name without pool means all its pools; None = all but the simulator."""
    if names is None:
        return tuple(row for row in ROLES if row is not SIMULATOR)
    wanted: list[RoleRow] = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        rows: Sequence[RoleRow] = [row for row in ROLES if row.role == name] or [find_role(name)]
        wanted += [row for row in rows if row not in wanted]
    if not wanted:
        raise Refusal("--roles names no role", f"some of: {', '.join(row.name for row in ROLES)}; or leave it out")
    return tuple(wanted)


def check_script(script: Mapping[str, object]) -> None:
    """Refuse settings that the simulated carrier could not follow. Raises SettingsError."""
    from connectors.simulator.script import Script as known
    from infra.settings.model import SettingsError

    if not script:
        return
    try:
        msgspec.convert(script, known)
    except ValueError as fault:
        sentence, _, place = str(fault).partition(" - at `$.")
        fields = ", ".join(known.__struct_fields__)
        raise SettingsError(
            [f"simulator.script: {in_words(sentence)}{place and f' (at {place[:-1]})'}; there are {fields}"]
        ) from fault
