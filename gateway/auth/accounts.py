"""Who may call, and what numbers cost: keys, permissions, balances and routes, as last read from PostgreSQL.

Enters: PostgreSQL, once a second, and when somebody shows a key that does not fit (four times a second at most, once when
that finds nothing new; a text that was refused before is refused at once). Leaves: the account behind a key, the routes, the
profiles and the emergency stops. While PostgreSQL is away the last known stay; a key revoked meanwhile works until it is
back. Before the first reading `loaded` is false and every key is unknown.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog
from aiohttp import web

from gateway.carrier_routes import Routes
from infra.postgres.pool import DatabaseDown, Pool, fetch_all, transaction
from infra.postgres.sql import load_sql
from infra.security.api_keys import check, hash_key, key_id
from infra.telemetry.metrics import Metrics
from schemas.rules.stops import NO_STOPS, Stop
from schemas.values.profile import Profile, profile_of

REFRESH_SECONDS = 1.0
MISS_SECONDS = 0.25
MAX_REFUSED = 10_000
"""Texts that were no key; whoever shows one again gets the answer without a reading."""
_NO_HASH = bytes(32)
log = structlog.get_logger()


class Limit(NamedTuple):
    """Requests a second, and how many at once."""

    rate: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A tenant as one of its keys opens it. `senders` None: any. `available` as of the last reading. `limit` None: none."""

    tenant: str
    key: str
    hash: bytes
    lanes: frozenset[str]
    senders: frozenset[str] | None
    available: int
    limit: Limit | None = None


class Accounts:
    """Keys, routes, profiles, emergency stops in memory. `told`: hears (kind, name, since) of all stops, once changed."""

    def __init__(
        self, pool: Pool, metrics: Metrics, told: Callable[[list[tuple[str, str, int]]], None] = lambda _stops: None
    ) -> None:
        self._pool = pool
        self._told = told
        self._stops: list[tuple[str, str, int]] | None = None
        self._metrics = metrics
        self._by_key: dict[str, Account] = {}
        self._read_at = 0.0
        self._asked_at = 0.0
        self._refused: dict[bytes, None] = {}
        self._miss_seconds = MISS_SECONDS
        self._missing = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._rows: list[tuple[str, list[str], int]] | None = None
        self.routes = Routes(())
        self.profiles: dict[str, Profile] = {}
        self.stops: frozenset[Stop] = NO_STOPS
        self.up = False
        """Whether PostgreSQL answered the last reading."""

    @property
    def loaded(self) -> bool:
        """Whether PostgreSQL has been read at all."""
        return self._rows is not None

    async def account(self, text: str) -> Account | None:
        """The account that this key opens."""
        identity = key_id(text)
        if identity is None:
            return None
        found = self.known(text)
        if found is None and not self._is_refused(text):
            # A known id with another secret takes the same way as an unknown one, so that no time tells which ids there are.
            await self._refresh_for_miss()
            found = self.known(text)
            if found is None and self.up:
                self._refuse(text)
        return found

    def known(self, text: str) -> Account | None:
        """The account that this key opened at the last reading."""
        identity = key_id(text)
        if identity is None:
            return None
        # An unknown id costs the same comparison as a known one.
        found = self._by_key.get(identity)
        fits = check(text, found.hash if found else _NO_HASH)
        return found if fits else None

    def _is_refused(self, text: str) -> bool:
        """Whether this very text was refused not long ago; keys that were made since come with the next reading."""
        return hash_key(text) in self._refused

    def _refuse(self, text: str) -> None:
        """Remember it. Trap: what is not known while PostgreSQL is away may be a key all the same."""
        if len(self._refused) >= MAX_REFUSED:
            del self._refused[next(iter(self._refused))]
        self._refused[hash_key(text)] = None

    def in_force(self, account: Account) -> bool:
        """Whether the key that opened this account still does, as of the last reading."""
        return account.key in self._by_key

    async def _refresh_for_miss(self) -> None:
        """Return when a reading that began after this call is done; whoever waits meanwhile shares it."""
        came = time.monotonic()
        async with self._missing:
            if self._asked_at < came:
                await asyncio.sleep(max(0.0, self._asked_at + self._miss_seconds - came))
                before = self._by_key.keys()
                await self.refresh()
                # Who tries ids at random learns nothing and costs PostgreSQL no more than its readings do anyway.
                fruitless = self._by_key.keys() == before
                self._miss_seconds = min(REFRESH_SECONDS, 2 * self._miss_seconds) if fruitless else MISS_SECONDS

    async def keep_fresh(self, stop: asyncio.Event) -> None:
        """Read again and again until `stop`."""
        while not stop.is_set():
            await self.refresh()
            self._metrics.set("sluice_keys_age_seconds", time.monotonic() - self._read_at)
            try:
                await asyncio.wait_for(stop.wait(), REFRESH_SECONDS)
            except TimeoutError:
                continue

    async def refresh(self) -> None:
        """Read once; keeps what is known when PostgreSQL is away."""
        self._asked_at = time.monotonic()
        async with self._reading:
            try:
                async with transaction(self._pool) as connection:
                    keys = await fetch_all(connection, load_sql("gateway.auth", "known_keys"))
                    rows = await fetch_all(connection, load_sql("gateway.auth", "known_routes"))
                    stops = await fetch_all(connection, load_sql("gateway.auth", "known_stops"))
                    profiles = await fetch_all(connection, load_sql("gateway.auth", "known_profiles"))
            except DatabaseDown as fault:
                self.up = False
                self._metrics.count("sluice_dependency_failures_total", "postgres")
                log.warning("keys and routes stay as last known", action="accounts_stale", error=str(fault))
                return
        self.up = True
        self._by_key = {row[0]: _account(row) for row in keys}
        if rows != self._rows:
            self._rows, self.routes = rows, Routes(rows)
        self.profiles = {profile.name: profile for profile in map(profile_of, profiles)}
        if stops != self._stops:
            self._stops, self.stops = stops, frozenset(Stop(kind, name) for kind, name, _ in stops)
            self._told(stops)
        self._read_at = time.monotonic()


ACCOUNTS: web.AppKey[Accounts] = web.AppKey("accounts", Accounts)


def _account(row: tuple[Any, ...]) -> Account:
    identity, tenant, hashed, lanes, senders, balance, reserved, rate, burst = row
    return Account(
        tenant=tenant,
        key=identity,
        hash=bytes(hashed),
        lanes=frozenset(lanes),
        senders=None if senders is None else frozenset(senders),
        available=balance - reserved,
        limit=None if rate is None else Limit(rate, burst),
    )
