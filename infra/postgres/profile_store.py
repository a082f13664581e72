"""Campaign profiles as operators make, change and remove them.

In: an open connection of the operator, profiles. Out: the same, as they stand; tenants by the names that were given. Seeding
adds what is missing and changes nothing that is there. Every role knows a change within a second or two. Wrong: an unknown
profile or tenant raises `AdminStoreError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from infra.postgres.admin_error import AdminStoreError
from infra.postgres.sql import load_sql
from schemas.values.profile import Profile


class ProfileStore:
    """The profiles of an installation."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        self._connection = connection

    def all(self) -> list[Profile]:
        """All profiles, by name."""
        return [msgspec.convert(row, Profile) for row in self._connection.execute(load_sql(__package__, "profiles"))]

    def find(self, name: str) -> Profile | None:
        """This one, or None."""
        return next((profile for profile in self.all() if profile.name == name), None)

    def profile(self, name: str) -> Profile:
        """This one. Raises AdminStoreError when there is none."""
        found = self.find(name)
        if found is None:
            raise AdminStoreError(f"there is no profile {name!r}: see `sluice profile list`")
        return found

    def seed(self, profile: Profile) -> bool:
        """Whether it was missing and is there now. Its tenants may come later."""
        return self._connection.execute(load_sql(__package__, "profile_add"), _columns(profile)).rowcount == 1

    def set(self, profile: Profile) -> Profile:
        """Make it, or change all of it."""
        self._check_tenants(profile.tenants or ())
        self._connection.execute(load_sql(__package__, "profile_set"), _columns(profile))
        return self.profile(profile.name)

    def remove(self, name: str) -> None:
        """What was sent under it goes on by the settings of its tenant."""
        if self._connection.execute(load_sql(__package__, "profile_remove"), {"name": name}).rowcount == 0:
            self.profile(name)

    def _check_tenants(self, tenants: Sequence[str]) -> None:
        unknown = self._connection.execute(load_sql(__package__, "unknown_tenants"), {"tenants": list(tenants)}).fetchall()
        if unknown:
            names = ", ".join(repr(row["which"]) for row in unknown)
            raise AdminStoreError(f"there is no tenant {names}: see `sluice tenant list`")


def _columns(profile: Profile) -> Mapping[str, Any]:
    return {
        **msgspec.structs.asdict(profile),
        "quiet_hours": Jsonb(msgspec.to_builtins(profile.quiet_hours)),
        "retry": Jsonb(msgspec.to_builtins(profile.retry)),
        "tenants": None if profile.tenants is None else list(profile.tenants),
    }
