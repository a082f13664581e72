"""The releasers as operators see them."""

from __future__ import annotations

import msgspec


class ShownReleaser(msgspec.Struct, frozen=True, kw_only=True):
    """A releaser that told of itself within the last seconds. `leased`: rows that it works on."""

    name: str
    enabled: bool
    last_claim: str | None
    leased: int


class SchedulerState(msgspec.Struct, frozen=True, kw_only=True):
    """`enabled` null: never set, each releaser does as its settings say. `releasers` null: Redis does not say. `due`: rows
    of those `waiting` whose time has come."""

    enabled: bool | None
    since: str | None
    waiting: int
    due: int
    releasers: list[ShownReleaser] | None
