"""What operators and their probes read."""

from __future__ import annotations

from typing import Literal

import msgspec


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Dependency(msgspec.Struct, frozen=True, kw_only=True):
    """One service that the gateway needs, as it answered just now."""

    ok: bool
    milliseconds: float
    error: str | None


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether requests can be served. `stops`: emergency stops in force, which keep what is accepted from going out."""

    ready: bool
    kafka: Dependency
    postgres: Dependency
    redis: Dependency
    stops: list[str]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What runs."""

    product: Literal["sluice"] = "sluice"
    version: str
