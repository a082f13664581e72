"""What was changed, as operators read it."""

from __future__ import annotations

from typing import Any

import msgspec


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `who`: `api`, `command_line`, or the program that was connected. `tenant`: whose, where it is one's.
    `detail`: what the action says besides; of carriers each value that changed, before and after."""

    at: str
    who: str
    action: str
    tenant: str | None
    subject: str
    detail: dict[str, Any]


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """`next`: an opaque cursor, null at the end."""

    entries: list[AuditEntry]
    next: str | None
