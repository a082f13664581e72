"""Quotas, of which no tenant gets more than a part: bytes of bodies in memory, uploads, bytes that they spool.

Enters: what a request reserves, piece by piece, in the name of a tenant. Leaves: nothing; a reservation is released when its
context ends. Refused: 429 when the tenant has its share already, 503 when all of it is taken; both say when to try again.
"""

from __future__ import annotations

from types import TracebackType

from gateway.http.problem import RETRY_SECONDS, Problem, unavailable

PARTS = 4
"""A tenant gets at most this part of everything, so that a few cannot take all."""


class Quota:
    """An amount of `most`. `what`: how people call it; `least`: what one tenant gets in any case, if there is so much."""

    def __init__(self, most: int, what: str, *, least: int = 1) -> None:
        self._most = most
        self._what = what
        self._own = min(most, max(most // PARTS, least))
        self._by_tenant: dict[str, int] = {}
        self.reserved = 0

    def reservation(self, tenant: str) -> Reservation:
        """A reservation that begins empty and releases everything at its end."""
        return Reservation(self, tenant)

    def reserve(self, tenant: str, amount: int) -> None:
        """Reserve more for this tenant; a Problem when there is none."""
        own = self._by_tenant.get(tenant, 0) + amount
        if own > self._own:
            raise Problem(
                429,
                "tenant_overloaded",
                f"one account has at most {self._own} {self._what} at a time; try again",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        if self.reserved + amount > self._most:
            raise unavailable("overloaded", f"there are {self._most} {self._what} at a time, all taken; try again")
        self._by_tenant[tenant] = own
        self.reserved += amount

    def release(self, tenant: str, amount: int) -> None:
        """Give back what this tenant had reserved."""
        self.reserved -= amount
        own = self._by_tenant.pop(tenant, 0) - amount
        if own > 0:
            self._by_tenant[tenant] = own


class Reservation:
    """What one request has reserved."""

    __slots__ = ("_amount", "_quota", "_tenant")

    def __init__(self, quota: Quota, tenant: str) -> None:
        self._quota = quota
        self._tenant = tenant
        self._amount = 0

    def __enter__(self) -> Reservation:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._amount:
            self._quota.release(self._tenant, self._amount)
            self._amount = 0

    def grow(self, amount: int) -> None:
        """Reserve more; a Problem when there is none."""
        self._quota.reserve(self._tenant, amount)
        self._amount += amount
