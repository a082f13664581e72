"""A gateway without Kafka, PostgreSQL and Redis: a producer that is a list, accounts that were read long ago."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from gateway.auth.accounts import Account, Accounts
from gateway.carrier_routes import Routes
from infra.kafka.outbox import Headers, Report
from infra.security.api_keys import new_key

NOWHERE = "127.0.0.1:9"
TENANT = "0b7c1d52-5f0f-4b3e-9d38-0d9a1a3f7c11"
KEY = new_key()[0]


@dataclass
class ListedOutbox:
    """Acknowledges at once, or fails with `error`."""

    sent: list[tuple[str, bytes | None, bytes | None]] = field(default_factory=list)
    headers: list[dict[str, bytes | None]] = field(default_factory=list)
    error: str | None = None

    def post(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, _partition: int, report: Report
    ) -> None:
        self.sent.append((topic, key, value))
        self.headers.append(dict(headers))
        asyncio.get_running_loop().call_soon(report, self.error, 0, len(self.sent))


class KnownAccounts(Accounts):
    """Accounts that were read long ago; PostgreSQL is away."""

    def know(self, account: Account, routes: Routes) -> None:
        self._by_key = {account.key: account}
        self._rows, self.routes = [], routes

    async def refresh(self) -> None:
        return


def message(**changes: Any) -> dict[str, Any]:
    """A message that is accepted, with these changes."""
    return {"to": "+4915112345678", "from": "Shop", "body": "Hello"} | changes
