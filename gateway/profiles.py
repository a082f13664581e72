"""What a message or a campaign is sent under: its lane, its validity, its profile.

Enters: a request, its account, the profiles as last read from PostgreSQL. Leaves: what the request says, else its profile,
else the call's own default. A profile gives a lane, never the right to it: whoever checks the lane does so afterwards, and
none makes a one-time code of a message. Refused: 422 for a profile that there is not, or that is not this account's.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from msgspec import UNSET, UnsetType

from gateway.auth.accounts import Account
from gateway.http.fields import DEFAULT_VALIDITY
from gateway.http.problem import Problem, refusal
from schemas.values.profile import Profile

MOST_NAMED = 20


class Terms(NamedTuple):
    """`validity_seconds` from when it is due."""

    lane: str
    validity_seconds: int
    profile: str | None


class Asked(Protocol):
    """What a request says of it."""

    @property
    def lane(self) -> str | UnsetType: ...
    @property
    def validity_seconds(self) -> float | UnsetType: ...
    @property
    def profile(self) -> str | None: ...


def terms_of(profiles: Mapping[str, Profile], account: Account, asked: Asked, lane: str) -> Terms:
    """`lane`: the call's own default."""
    under = None if asked.profile is None else _profile(profiles, account, asked.profile)
    validity: float = DEFAULT_VALIDITY
    if under is not None:
        lane, validity = under.lane or lane, under.validity_seconds or validity
    return Terms(
        lane if asked.lane is UNSET else str(asked.lane),
        int(validity if isinstance(asked.validity_seconds, UnsetType) else asked.validity_seconds),
        asked.profile,
    )


def _profile(profiles: Mapping[str, Profile], account: Account, name: str) -> Profile:
    found = profiles.get(name)
    if found is not None and found.serves(account.tenant):
        return found
    raise _unknown(name, [one.name for one in profiles.values() if one.serves(account.tenant)])


def _unknown(name: str, known: list[str]) -> Problem:
    close = difflib.get_close_matches(name, known, 1)
    mend = f"did you mean {close[0]!r}? known: " if close else "known: "
    named = ", ".join(known[:MOST_NAMED]) + (", ..." if len(known) > MOST_NAMED else "")
    return refusal(
        "/profile", "unknown_profile", f"there is no profile {name!r}; " + (mend + named if known else "there are none")
    )
