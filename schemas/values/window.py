"""Hours of the day. In a campaign's command and row, and among a tenant's settings."""

from __future__ import annotations

import msgspec


class Window(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Hours of the day: from `opens` to just before `closes`, minutes since midnight; over midnight where `closes` is not
    above `opens`, a whole day where they are equal. `days`: bit 0 Monday to bit 6 Sunday, on which it opens. `timezone`: a
    name of the IANA database, or `recipient`: wherever the number may be."""

    opens: int
    closes: int
    days: int
    timezone: str
