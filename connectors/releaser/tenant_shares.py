"""How the room at one carrier and lane is shared among the tenants whose messages wait for it there.

In: whose messages wait, and in which queues; the room that is free; what each was given. Out: shares, the least served
tenant first. In memory, and each releaser has its own: what several releasers give by the same rule is fair together, and a
new one knows nothing of what one that died has given, which is forgotten after a quantum each. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from schemas.rules.fairness import LeastServed, quantum

LIST_SECONDS, LIST_LONGEST = 0.001, 1.0
"""A list is as good for so long for each tenant in it, and so long at most: to make it costs some 30 us a tenant. Trap: the
time that making it took is no measure, for on a busy machine that is seconds, and whoever comes waits for the next list."""


def list_again_after(tenants: int) -> float:
    """Seconds for which a list of so many tenants is good."""
    return min(LIST_LONGEST, LIST_SECONDS * tenants)


class Queue(NamedTuple):
    """Rows of a tenant that wait for one reason; for the share of this profile, where that is the reason."""

    reason: str
    profile: str = ""


class TenantShares:
    """Of one carrier and lane. `queues`: by tenant that takes part, where its rows wait. `list_again_at`: when its owner
    looks who waits."""

    def __init__(self) -> None:
        self.queues: dict[str, list[Queue]] = {}
        self.list_again_at = 0.0
        self._served = LeastServed[str]()

    def follow(self, waiting: Mapping[str, list[Queue]], weight: Callable[[str], float]) -> None:
        """These tenants wait (by tenant: in which queues), nobody else."""
        for tenant in self.queues.keys() - waiting.keys():
            self._served.leave(tenant)
        for tenant in waiting:
            self._served.enter(tenant, weight(tenant))
        self.queues = dict(waiting)

    def share_out(self, room: int, rate: float) -> dict[str, int]:
        """Segments for each tenant, the least served first."""
        return self._served.share_out(room, quantum(rate, len(self._served)))

    def charge(self, tenant: str, segments: int) -> None:
        """It was given so much room."""
        self._served.charge(tenant, segments)

    def set_aside(self, tenant: str) -> None:
        """Nothing of it can go now: it takes no part until the tenants are listed again."""
        self.queues.pop(tenant, None)
        self._served.leave(tenant)
