"""Tenants, keys, balances, carriers and routes as operators make and change them; also what they may look at.

In: the operator's URL and plain values. Out: rows as dicts with amounts as decimal text. Each call is one transaction.
Seeding adds what is missing and changes nothing that is there. What goes wrong is a `AdminStoreError` that says what to do;
a database that cannot be reached raises `AdminStoreDown`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from infra.postgres.admin_error import AdminStoreError
from infra.postgres.carrier_rows import carrier_changes, carrier_columns, choose_partition, shown
from infra.postgres.config_cache import carrier_context
from infra.postgres.profile_store import ProfileStore
from infra.postgres.route_store import RouteStore
from infra.postgres.scheduler_store import SchedulerStore
from infra.postgres.sql import named_statements
from infra.postgres.stop_store import StopStore
from infra.security.api_keys import hash_key, key_id, new_key
from infra.security.keyring import Keyring
from infra.security.secrets import SecretError, open_secret
from infra.settings.carriers import CarrierSettings, KindSettings, check_binds
from schemas.rules.caps import periods
from schemas.values.money import MAX_AMOUNT, format_amount, parse_amount

Row = dict[str, Any]
AdminStoreDown = psycopg.OperationalError


@contextmanager
def open_admin_store(url: str) -> Iterator[AdminStore]:
    """A store on one connection."""
    with psycopg.connect(
        url, autocommit=True, connect_timeout=5, row_factory=dict_row, application_name="sluice-admin"
    ) as connection:
        yield AdminStore(connection)


def server_version(url: str) -> str:
    """The version of the server, asked on a connection of its own."""
    with psycopg.connect(url, autocommit=True, connect_timeout=3) as connection:
        return connection.info.parameter_status("server_version") or "unknown"


TENANT_CHANGES = (
    "lanes",
    "senders",
    "any_sender",
    "balance_short",
    "charge_uncertain",
    "quiet_hours",
    "request_rate",
    "request_burst",
    "caps",
    "weight",
    "retry",
)


class AdminStore:
    """Each method is one transaction. Tenants are named by their name or their id."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection

    @property
    def stops(self) -> StopStore:
        """The emergency stops."""
        return StopStore(self._connection)

    @property
    def routes(self) -> RouteStore:
        """Where numbers go."""
        return RouteStore(self._connection)

    @property
    def profiles(self) -> ProfileStore:
        """What campaigns have in common."""
        return ProfileStore(self._connection)

    @property
    def scheduler(self) -> SchedulerStore:
        """Whether releasers let anything go."""
        return SchedulerStore(self._connection)

    def tenants(self) -> list[Row]:
        """All tenants with their balances."""
        return [_amounts(row) for row in self._rows("tenants", which=None)]

    def tenant(self, which: str) -> Row:
        """One tenant. Raises AdminStoreError when there is none."""
        rows = self._rows("tenants", which=which)
        if not rows:
            raise AdminStoreError(f"there is no tenant {which!r}: see `sluice tenant list`")
        row = _amounts(rows[0])
        return row | {
            "available": format_amount(
                parse_amount(row["balance"], signed=True) - parse_amount(row["reserved"], signed=True)
            ),
            "caps": _caps_in_words(row["caps"]),
            "used": self._used(row["id"]),
        }

    def create_tenant(self, name: str, balance: int) -> tuple[str, str]:
        """(the tenant's id, its first API key)."""
        with self._connection.transaction():
            tenant = self._add_tenant(name, balance)
            if tenant is None:
                raise AdminStoreError(f"there is a tenant {name!r} already: choose another name")
            return tenant, self._new_key(tenant, "first")

    def seed_tenant(self, name: str, balance: int, key: str | None) -> str:
        """The API key of this tenant, which is made when it is missing, as is the key (`key`, or a fresh one)."""
        with self._connection.transaction():
            self._add_tenant(name, balance)
            tenant = self.tenant(name)["id"]
            if key is None or key_id(key) is None:
                return self._new_key(tenant, "seeded")
            self._do("key_add", id=key_id(key), tenant=tenant, name="seeded", hash=hash_key(key))
            return key

    def set_tenant(self, which: str, **changes: Any) -> Row:
        """Change what is given, by the names of `TENANT_CHANGES`; the tenant as it is then."""
        if unknown := changes.keys() - set(TENANT_CHANGES):
            raise TypeError(f"a tenant has no {', '.join(sorted(unknown))}")
        identity = self.tenant(which)["id"]
        json = {name: Jsonb(changes.get(name) or {}) for name in ("quiet_hours", "caps", "retry")}
        now = time.time_ns() // 1_000_000
        self._do("tenant_set", id=identity, now=now, **(dict.fromkeys(TENANT_CHANGES) | changes | json))
        return self.tenant(identity)

    def credit(self, which: str, amount: int) -> Row:
        """Add to the balance (ten-thousandths; what is taken away must be available)."""
        tenant = self.tenant(which)
        if self._do("balance_credit", tenant=tenant["id"], amount=amount, most=MAX_AMOUNT) == 0:
            raise AdminStoreError(
                f"only {tenant['available']} are available"
                if amount < 0
                else f"the balance would be more than {format_amount(MAX_AMOUNT)}"
            )
        return self.tenant(tenant["id"])

    def create_key(self, which: str, name: str) -> Row:
        """A new API key; its text is in this answer alone."""
        tenant = self.tenant(which)
        text = self._new_key(tenant["id"], name)
        return {"id": key_id(text), "tenant": tenant["name"], "name": name, "api_key": text}

    def keys(self, which: str | None) -> list[Row]:
        """The keys of one tenant or of all, without their secrets."""
        return self._rows("keys", tenant=None if which is None else self.tenant(which)["id"])

    def revoke_key(self, identity: str) -> None:
        """The key stops working within a second or two."""
        if self._do("key_revoke", id=identity) == 0:
            raise AdminStoreError(f"there is no key {identity!r}: see `sluice key list`")

    def carriers(self) -> list[Row]:
        """All carriers, without their passwords."""
        return [shown(row) for row in self._rows("carriers", id=None)]

    def carrier(self, identity: str) -> Row:
        """One carrier. Raises AdminStoreError when there is none."""
        rows = self._rows("carriers", id=identity)
        if not rows:
            raise AdminStoreError(f"there is no carrier {identity!r}: see `sluice carrier list`")
        return shown(rows[0])

    def seed_carrier(self, carrier: CarrierSettings, of_kind: KindSettings, keyring: Keyring) -> bool:
        """Whether it was missing and is there now. Number and partition are chosen here, once."""
        settings, password = of_kind.columns()
        with self._connection.transaction():
            self._do("carriers_lock")
            rows = self.carriers()
            if any(row["id"] == carrier.id for row in rows):
                return False
            number = max((row["number"] for row in rows), default=0) + 1
            self._do(
                "carrier_add",
                number=number,
                partition=choose_partition(number, [row["partition"] for row in rows]),
                **carrier_columns(carrier, settings, password, keyring),
            )
            return True

    def apply_carrier(self, carrier: CarrierSettings, of_kind: KindSettings, keyring: Keyring) -> Row:
        """All that the file says of a carrier, over what was there; a new one is added. Its partition stays."""
        if not self.seed_carrier(carrier, of_kind, keyring):
            settings, password = of_kind.columns()
            self._do("carrier_apply", **carrier_columns(carrier, settings, password, keyring))
        return self.carrier(carrier.id)

    def carrier_secret(self, identity: str, keyring: Keyring) -> str | None:
        """The password in force; None where it does not open."""
        [row] = self._rows("carrier_secret", id=identity)
        if row["secret"] is None:
            return ""
        try:
            return open_secret(keyring, row["secret_key_id"], row["secret"], carrier_context(identity))
        except SecretError:
            return None

    def set_carrier(self, identity: str, **changes: Any) -> Row:
        """Change what is given, by the names of `CARRIER_CHANGES`; in force within a second or two."""
        row = self.carrier(identity)
        if changes.get("binds") is not None:
            try:
                check_binds(changes["binds"], row["settings"].get("bind", "transceiver"))
            except ValueError as fault:
                raise AdminStoreError(f"unsupported: {fault}") from None
        self._do("carrier_set", id=identity, **carrier_changes(changes))
        return self.carrier(identity)

    def move_carrier(self, identity: str, host: str, port: int) -> None:
        """Note where the simulator listens now."""
        self._do("carrier_move", id=identity, address=Jsonb({"host": host, "port": port}))

    def dead_letters(self, code: str | None, limit: int) -> list[Row]:
        """The newest dead letters."""
        return self._rows("dead_letters", code=code, limit=limit)

    def dead_letter(self, partition: int, offset: int) -> Row:
        """One dead letter with its bytes as hexadecimal text."""
        rows = self._rows("dead_letter", partition=partition, offset=offset)
        if not rows:
            raise AdminStoreError(f"there is no dead letter {partition}:{offset}: see `sluice dlq list`")
        return rows[0]

    def dead_letter_stats(self) -> list[Row]:
        """Dead letters by service, code and topic."""
        return self._rows("dead_letter_stats")

    def know_campaign(self, identity: str) -> None:
        """Raises AdminStoreError when no tenant has such a campaign."""
        if not self._rows("campaign_known", id=identity):
            raise AdminStoreError(f"there is no campaign {identity!r}: see `sluice campaign list`")

    def sink_offsets(self) -> dict[tuple[str, int], int]:
        """The next offset of each partition that the sinks read."""
        return {(row["topic"], row["partition"]): row["next"] for row in self._rows("sink_offsets")}

    def _add_tenant(self, name: str, balance: int) -> str | None:
        tenant = str(uuid.uuid4())
        if self._do("tenant_add", id=tenant, name=name) == 0:
            return None
        self._do("balance_open", tenant=tenant, amount=balance)
        return tenant

    def _new_key(self, tenant: str, name: str) -> str:
        text, identity, hashed = new_key()
        self._do("key_add", id=identity, tenant=tenant, name=name, hash=hashed)
        return text

    def _used(self, tenant: str) -> Row:
        """By period, of the present day and month."""
        day, month = periods(time.time_ns() // 1_000_000)
        rows = {row["period"]: row for row in self._rows("tenant_used", tenant=tenant, periods=[day, month])}
        return {
            period: {"messages": row["messages"], "spent": format_amount(row["spent"])}
            for period in (day, month)
            if (row := rows.get(period))
        }

    def _rows(self, name: str, /, **values: Any) -> list[Row]:
        return self._connection.execute(_statement(name), values).fetchall()

    def _do(self, name: str, /, **values: Any) -> int:
        return self._connection.execute(_statement(name), values).rowcount


def _amounts(row: Row) -> Row:
    return row | {name: format_amount(row[name]) for name in ("balance", "reserved")}


def _caps_in_words(caps: Row) -> Row:
    return {name: format_amount(value) if name.startswith("spend") else value for name, value in caps.items()}


def _statement(name: str) -> bytes:
    return named_statements("infra.postgres", "admin_store")[name].encode()
