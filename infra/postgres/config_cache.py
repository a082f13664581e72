"""Carriers, routes, tenants and profiles as every role keeps them in memory, at most about a second behind PostgreSQL.

In: a pool and the keyring that opens the carriers' passwords. Out: plain rows, replaced as a whole when
`config_version` moved, and a call to whoever asked for changes. While PostgreSQL is away the last known rows stay;
`start` waits for the first ones. A password that no key opens raises at the start; later it is logged and the rows stay
as they were.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog

from infra.postgres.pool import DatabaseDown, Pool, fetch_all, fetch_one, single_statement, transaction
from infra.postgres.sql import load_sql
from infra.security.keyring import Keyring
from infra.security.secrets import open_secret
from infra.settings.carriers import reports_once
from schemas.rules.caps import Caps
from schemas.rules.narrow_rates import NO_NARROW_RATES, NarrowRates
from schemas.rules.one_process import changes_hands
from schemas.rules.stops import NO_STOPS, Stop
from schemas.values.profile import Profile, profile_of
from schemas.values.retry_strategy import UNSAID, RetryStrategy, first_said
from schemas.values.window import Window

log = structlog.get_logger()

REFRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierRow:
    """One carrier. `rate` in segments per second, `window` submits in flight per connection, `settings` of its kind.
    `one_receipt_for_all_parts`: by its own row or by its kind. `one_process`: that of the pool otp carries all lanes now,
    which follows `binds` = 1; `binds_turned`: how often that has changed. `narrow`: rates within its rate."""

    id: str
    number: int
    kind: str
    rate: float
    window: int
    binds: int
    receipt_wait_seconds: int
    one_receipt_for_all_parts: bool
    partition: int
    one_process: bool = False
    binds_turned: int = 0
    settings: Mapping[str, Any]
    password: str = field(repr=False)
    narrow: NarrowRates = NO_NARROW_RATES

    def room_rate(self, lane: str) -> float:
        """The rate by which this lane is given room there: 0 while it changes hands."""
        return 0.0 if changes_hands(lane, self.binds, one_process=self.one_process) else self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRow:
    """Carriers in order of preference for numbers that begin with `prefix`; `price` per segment in ten-thousandths;
    `weights`: one a carrier, where these choose."""

    prefix: str
    carriers: tuple[str, ...]
    price: int
    weights: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRow:
    """What a tenant may do. `senders` None: any. `balance_short`: hold | reject. `quiet_hours`: by lane. `caps`:
    None without any. `weight`: its share of a carrier beside others. `retry`: how its messages are tried again."""

    id: str
    name: str
    lanes: tuple[str, ...]
    senders: tuple[str, ...] | None
    balance_short: str
    charge_uncertain: bool
    quiet_hours: Mapping[str, tuple[Window, ...]]
    weight: int
    caps: Caps | None = None
    retry: RetryStrategy = UNSAID


class ConfigCache:
    """The rows of now: `carriers` and `tenants` by id, `profiles` by name, `routes` longest prefix first, `stops`,
    `scheduler` (whether releasers let anything go; None: as their settings say), `version` of what is held."""

    def __init__(self, pool: Pool, keyring: Keyring) -> None:
        self._pool = pool
        self._keyring = keyring
        self._listeners: list[Callable[[], None]] = []
        self._task: asyncio.Task[None] | None = None
        self.carriers: dict[str, CarrierRow] = {}
        self.routes: list[RouteRow] = []
        self.tenants: dict[str, TenantRow] = {}
        self.profiles: dict[str, Profile] = {}
        self.stops: frozenset[Stop] = NO_STOPS
        self.scheduler: bool | None = None
        self.version = 0

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call this on the loop after every later change."""
        self._listeners.append(callback)

    def weight(self, tenant: str) -> int:
        """The tenant's share of a carrier beside others; 1 of one that is not known yet."""
        known = self.tenants.get(tenant)
        return 1 if known is None else known.weight

    def retry_strategy(self, tenant: str, profile: str | None) -> RetryStrategy | None:
        """What the profile says of tries, and the tenant where that says nothing; None when neither does."""
        known, under = self.tenants.get(tenant), self.profiles.get(profile or "")
        return first_said([each.retry for each in (under, known) if each is not None])

    async def start(self) -> None:
        """Return with the first rows, however long PostgreSQL takes; then keep them fresh until `stop`."""
        while True:
            try:
                await self.refresh()
                break
            except DatabaseDown as fault:
                log.warning("waiting for PostgreSQL to read the configuration", action="config_wait", error=str(fault))
                await asyncio.sleep(0.2)
        self._task = asyncio.create_task(self._keep_fresh(), name="config-cache")

    async def refresh(self) -> bool:
        """Read the rows if their version moved; whether it did. Raises DatabaseDown."""
        async with single_statement(self._pool) as connection:
            (version,) = await fetch_one(connection, load_sql(__package__, "config_version"))
        if version == self.version:
            return False
        async with transaction(self._pool) as connection:
            # Repeatable: version and rows must come from one moment.
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            (version,) = await fetch_one(connection, load_sql(__package__, "config_version"))
            carriers = await fetch_all(connection, load_sql(__package__, "config_carriers"))
            routes = await fetch_all(connection, load_sql(__package__, "config_routes"))
            tenants = await fetch_all(connection, load_sql(__package__, "config_tenants"))
            profiles = await fetch_all(connection, load_sql(__package__, "config_profiles"))
            stops = await fetch_all(connection, load_sql(__package__, "config_stops"))
            scheduler = await fetch_one(connection, load_sql(__package__, "config_scheduler"))
        known = {profile.name: profile for profile in map(profile_of, profiles)}
        self.scheduler = None if scheduler is None else bool(scheduler[0])
        self.stops = frozenset(Stop(*row) for row in stops)
        self._replace(version, carriers, routes, tenants, known)
        return True

    async def stop(self) -> None:
        """End the refreshing; the rows stay readable."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def _replace(
        self,
        version: int,
        carriers: Sequence[Any],
        routes: Sequence[Any],
        tenants: Sequence[Any],
        profiles: dict[str, Profile],
    ) -> None:
        opened = {row[0]: self._carrier(row) for row in carriers}
        self.carriers = opened
        self.routes = [
            RouteRow(prefix=p, carriers=tuple(ids), price=price, weights=tuple(weights)) for p, ids, price, weights in routes
        ]
        self.tenants = {row[0]: _tenant(row) for row in tenants}
        self.profiles = profiles
        self.version = version
        for callback in self._listeners:
            callback()

    def _carrier(self, row: Any) -> CarrierRow:
        *plain, sender, senders, networks, settings, key_id, secret = row
        password = open_secret(self._keyring, key_id, secret, carrier_context(row[0])) if secret is not None else ""
        names = (
            "id",
            "number",
            "kind",
            "rate",
            "window",
            "binds",
            "receipt_wait_seconds",
            "one_receipt_for_all_parts",
            "partition",
            "one_process",
            "binds_turned",
        )
        columns = dict(zip(names, plain, strict=True))
        columns["one_receipt_for_all_parts"] = reports_once(columns["kind"], columns["one_receipt_for_all_parts"], settings)
        narrow = NarrowRates(sender=sender, senders=senders, networks=networks)
        return CarrierRow(**columns, narrow=narrow, settings=settings, password=password)

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self.refresh()
            except DatabaseDown as fault:
                log.info("PostgreSQL is away, the known configuration stays", action="config_stale", error=str(fault))
            except Exception:  # why: the loop must outlive a row that cannot be read; what is known stays in force
                log.exception("the configuration cannot be read, the known one stays", action="config_unreadable")


def carrier_context(carrier: str) -> str:
    """What a carrier's password is sealed for, so that it opens in this row alone."""
    return f"carrier|{carrier}"


def _tenant(row: Any) -> TenantRow:
    tenant, name, lanes, senders, balance_short, charge_uncertain, quiet_hours, caps, weight, retry = row
    return TenantRow(
        id=tenant,
        name=name,
        lanes=tuple(lanes),
        senders=None if senders is None else tuple(senders),
        balance_short=balance_short,
        charge_uncertain=charge_uncertain,
        quiet_hours=msgspec.convert(quiet_hours, dict[str, tuple[Window, ...]]),
        caps=found if (found := msgspec.convert(caps, Caps)).any else None,
        weight=weight,
        retry=msgspec.convert(retry, RetryStrategy),
    )
