"""A campaign profile: what campaigns and messages that name it have in common. It belongs to the installation.

In: what an operator set, by the file or the command line. Out: the profile; who may use it; what is wrong with one, as a
sentence with the mend. What it leaves out the tenant's settings say, then the installation's own. Pure.
"""

from __future__ import annotations

import re

import msgspec

from schemas.values.lanes import Lane
from schemas.values.retry_strategy import UNSAID, RetryStrategy, strategy_fault
from schemas.values.window import Window

NAME = re.compile("[a-z0-9][a-z0-9-]{0,39}")
LONGEST_VALIDITY = 172_800
"""Seconds, as of any message."""
MOST_WINDOWS = 20
LANES = (str(Lane.TRANSACTIONAL), str(Lane.MARKETING))
"""A one-time code says so itself: no profile makes one of a message."""


class Profile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`lane`: of what names none itself. `share`: of a carrier's rate, which all that goes under it uses together at most;
    None: all of it. `validity_seconds`: where the request says nothing. `quiet_hours`: kept beside the tenant's. `tenants`:
    who may use it; None: everybody."""

    name: str
    lane: str | None = None
    share: float | None = None
    validity_seconds: int | None = None
    quiet_hours: tuple[Window, ...] = ()
    retry: RetryStrategy = UNSAID
    tenants: tuple[str, ...] | None = None

    def limits(self, lane: str) -> bool:
        """Whether it may use only a part of a carrier's rate in this lane; codes never wait for a share."""
        return self.share is not None and self.share < 1 and lane != Lane.OTP

    def serves(self, tenant: str) -> bool:
        """Whether this tenant (its id, where these are ids) may use it."""
        return self.tenants is None or tenant in self.tenants


def profile_fault(profile: Profile) -> str | None:
    """What is wrong with it, and what to write instead."""
    if not NAME.fullmatch(profile.name):
        return f"name: {profile.name[:40]!r} is none; write 1 to 40 of a..z, 0..9 and '-'"
    if profile.lane is not None and profile.lane not in LANES:
        return f"lane: {profile.lane[:40]!r} is none that a profile gives; write {' or '.join(LANES)}"
    if profile.share is not None and not 0 < profile.share <= 1:
        return f"share: {profile.share} is no share of a rate; write a number above 0, 1 at most"
    validity = profile.validity_seconds
    if validity is not None and not 1 <= validity <= LONGEST_VALIDITY:
        return f"validity_seconds: {validity} is not within 1 to {LONGEST_VALIDITY}"
    if len(profile.quiet_hours) > MOST_WINDOWS:
        return f"quiet_hours: {len(profile.quiet_hours)} of them; at most {MOST_WINDOWS}"
    fault = strategy_fault(profile.retry)
    return fault and f"retry.{fault}"


def profile_of(row: tuple[object, ...]) -> Profile:
    """From the columns of `profiles_in_force()`. Raises msgspec's ValidationError."""
    return msgspec.convert(dict(zip(Profile.__struct_fields__, row, strict=True)), Profile)
