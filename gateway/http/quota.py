"""Bounded amounts, of which no tenant gets more than its share: bytes of bodies in memory, uploads, bytes that they spool.

Enters: what somebody takes, piece by piece, in the name of a tenant. Leaves: nothing; what was taken is given back when the
holder ends. Refused: 429 when the tenant has its share already, 503 when all of it is taken; both say when to try again.
"""

from __future__ import annotations

from types import TracebackType

from gateway.http.problem import RETRY_SECONDS, Problem, unavailable

PARTS = 4
"""A tenant gets at most this part of everything, so that a few cannot take all."""


class Share:
    """An amount of `most`. `what`: how people call it; `least`: what one tenant gets in any case, if there is so much."""

    def __init__(self, most: int, what: str, *, least: int = 1) -> None:
        self._most = most
        self._what = what
        self._own = min(most, max(most // PARTS, least))
        self._by_tenant: dict[str, int] = {}
        self.taken = 0

    def hold(self, tenant: str) -> Held:
        """Something that begins empty and gives everything back at its end."""
        return Held(self, tenant)

    def take(self, tenant: str, amount: int) -> None:
        """More of it; a Problem when there is none."""
        own = self._by_tenant.get(tenant, 0) + amount
        if own > self._own:
            raise Problem(429, "tenant_overloaded", f"one account has at most {self._own} {self._what} at a time; try again",
                          headers={"Retry-After": str(RETRY_SECONDS)})
        if self.taken + amount > self._most:
            raise unavailable("overloaded", f"there are {self._most} {self._what} at a time, all taken; try again")
        self._by_tenant[tenant] = own
        self.taken += amount

    def give_back(self, tenant: str, amount: int) -> None:
        """What was taken."""
        self.taken -= amount
        own = self._by_tenant.pop(tenant, 0) - amount
        if own > 0:
            self._by_tenant[tenant] = own


class Held:
    """What one request has taken."""

    __slots__ = ("_amount", "_share", "_tenant")

    def __init__(self, share: Share, tenant: str) -> None:
        self._share = share
        self._tenant = tenant
        self._amount = 0

    def __enter__(self) -> Held:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _fault: BaseException | None,
                 _trace: TracebackType | None) -> None:
        if self._amount:
            self._share.give_back(self._tenant, self._amount)
            self._amount = 0

    def more(self, amount: int) -> None:
        """Take more; a Problem when there is none."""
        self._share.take(self._tenant, amount)
        self._amount += amount
