"""Usage → `reservations`, `balances`, `allowances`, `campaign_spend`: what is reserved becomes charged or free again.

In: `Usage`. Out: each position charged at most once a retry round, and the balance moved in the same transaction. A
usage without a reservation makes its row (the money was drawn on an allowance). Locks are taken in one order, shared
with whoever reserves or releases: balances by tenant, then reservations by key, then allowances. Goes wrong: RecordError,
also for a tenant without an account.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from connectors.sinks.contract import DecodedRecord, RecordError, Sink, Writer, bitmap
from connectors.sinks.reservation import Reservation, settle, unreserved
from infra.postgres.sql import load_sql
from schemas.records import topics
from schemas.records.slice import check_names
from schemas.records.wire import Usage

Key = tuple[str, str, int, int]


class UsageSink(Sink):
    """Moves money; reservations themselves are made by whoever admits messages."""

    name = "usage"
    reads = (topics.USAGE,)
    tables = ("reservations", "balances", "allowances", "campaign_spend")
    staging = ()
    linger_seconds = 0.2
    wait_ms = 500
    batch_records = 1000

    def apply(self, batch: Sequence[DecodedRecord], transaction: Writer) -> None:
        """Take the batch in."""
        usages = [(_usage(a), a.record.partition) for a in batch]
        rows = _lock(usages, transaction)
        moved = _Moved()
        for usage, partition in usages:
            key = (usage.tenant, usage.chunk, usage.round, usage.price_class)
            row = rows.setdefault(key, unreserved(usage))
            effect = settle(row, usage)
            moved.book(usage, partition, effect.charge, effect.freed, effect.drawn)
        _write_reservations(rows, {(u.tenant, u.chunk, u.round, u.price_class): u for u, _ in usages}, transaction)
        _write_allowances(moved, transaction)
        _write_balances(moved, transaction)

    def forget(self) -> None:
        """Nothing is kept."""


@dataclass(slots=True)
class _Moved:
    """Sums of a batch: by tenant [charged, freed], by lease drawn, by campaign and partition charged."""

    tenants: dict[str, list[int]] = field(default_factory=dict)
    leases: dict[tuple[str, str], int] = field(default_factory=dict)
    campaigns: dict[tuple[str, str, int], int] = field(default_factory=dict)

    def book(self, usage: Usage, partition: int, charge: int, freed: int, drawn: int) -> None:
        """Add one usage's effect."""
        sums = self.tenants.setdefault(usage.tenant, [0, 0])
        sums[0] += charge
        sums[1] += freed
        if drawn and usage.lease is not None:
            lease = (usage.tenant, usage.lease)
            self.leases[lease] = self.leases.get(lease, 0) + drawn
        if charge and usage.campaign is not None:
            key = (usage.tenant, usage.campaign, partition)
            self.campaigns[key] = self.campaigns.get(key, 0) + charge


def _usage(each: DecodedRecord) -> Usage:
    if not isinstance(each.content, Usage):
        raise RecordError(f"a {type(each.content).__name__} where a Usage belongs")
    check_names(each.content.tenant, each.content.campaign, each.content.chunk)
    return each.content


def _lock(usages: Sequence[tuple[Usage, int]], transaction: Writer) -> dict[Key, Reservation]:
    tenants = sorted({usage.tenant for usage, _ in usages})
    found = transaction.rows(load_sql(__package__, "lock_balances"), (tenants,))
    if len(found) != len(tenants):
        missing = set(tenants) - {tenant for (tenant,) in found}
        raise RecordError(f"tenant: no account for {', '.join(sorted(missing))}")
    keys = sorted({(usage.tenant, usage.chunk, usage.round, usage.price_class) for usage, _ in usages})
    rows = transaction.rows(load_sql(__package__, "lock_reservations"), _columns(keys))
    return {
        (row[0], row[1], row[2], row[3]): Reservation(
            price=row[4],
            positions=int.from_bytes(row[5], "little"),
            segments=bytearray(row[6]),
            amount=row[7],
            charged=int.from_bytes(row[8], "little"),
            refunded=int.from_bytes(row[9], "little"),
            charged_amount=row[10],
            lease=row[11],
        )
        for row in rows
    }


def _write_reservations(rows: dict[Key, Reservation], usages: dict[Key, Usage], transaction: Writer) -> None:
    transaction.execute(
        load_sql(__package__, "upsert_reservations"),
        _columns(
            (
                *key,
                usages[key].campaign,
                r.price,
                bitmap(r.positions),
                bytes(r.segments),
                r.amount,
                bitmap(r.charged),
                bitmap(r.refunded),
                r.charged_amount,
                r.lease,
                usages[key].at,
            )
            for key, r in sorted(rows.items())
        ),
    )


def _write_allowances(moved: _Moved, transaction: Writer) -> None:
    """Lower what the allowances still reserve; one that is closed reserves nothing any more."""
    if not moved.leases:
        return
    keys = sorted(moved.leases)
    lowered = []
    for tenant, lease, amount in transaction.rows(load_sql(__package__, "lock_allowances"), _columns(keys)):
        drawn = min(amount, moved.leases[(tenant, lease)])
        moved.tenants[tenant][1] += drawn
        lowered.append((tenant, lease, drawn))
    if lowered:
        transaction.execute(load_sql(__package__, "lower_allowances"), _columns(lowered))


def _write_balances(moved: _Moved, transaction: Writer) -> None:
    transaction.execute(
        load_sql(__package__, "move_balances"),
        _columns((tenant, charge, freed) for tenant, (charge, freed) in sorted(moved.tenants.items())),
    )
    if moved.campaigns:
        transaction.execute(
            load_sql(__package__, "add_spend"), _columns((*key, moved.campaigns[key]) for key in sorted(moved.campaigns))
        )


def _columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
