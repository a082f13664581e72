"""The log of carrier calls → `attempt_chunks`, `ref_pages`, `uncertain_positions`.

In: `Started` and `Settled` (`Owner` and `Returned` say nothing that is stored here). Out: for each (chunk, send) the
positions that were started and those that have an answer; the carrier's ids, by which receipts find their message; and
the positions of which nobody knows whether the carrier has them, until a later answer says so. `settled` holds answers
only: a started position that is not settled is in flight, uncertain, or not taken and about to go again. Dispatch keeps
what was not taken, so it stays `started`: for everybody else it is in dispatch's hands. Goes wrong: RecordError.

Two carriers may share a (chunk, send), and their logs may have different owners: the rows are locked in the order of
their keys before they are read.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from connectors.sinks.contract import DecodedRecord, Sink, Writer, bitmap
from connectors.sinks.fresh_refs import FreshRefs
from connectors.sinks.settled_columns import SettledColumns, read_columns
from infra.postgres.sql import load_sql
from schemas.records import topics
from schemas.records.slice import check_names, check_positions
from schemas.records.wire import Settled, Started
from schemas.values.lanes import Lane

Key = tuple[str, str, int]
Uncertain = dict[tuple[str, str, int, int], tuple[str, int, int]]


class AttemptsSink(Sink):
    """The only writer of its tables, but that the releaser takes pages of references out. `receipt_seconds`: most receipts
    come within this time."""

    name = "attempts"
    reads = tuple(topics.attempts(lane) for lane in Lane)
    tables = ("attempt_chunks", "ref_pages", "uncertain_positions")
    staging = ()
    linger_seconds = 0.5
    wait_ms = 500
    batch_records = 1000

    def __init__(self, receipt_seconds: float) -> None:
        self._receipt_ms = int(receipt_seconds * 1000)

    def apply(self, batch: Sequence[DecodedRecord], transaction: Writer) -> None:
        """Add to the bitmaps; pack the ids of messages that have their first answer; keep the uncertain ones apart."""
        calls = [a.content for a in batch if isinstance(a.content, (Started, Settled))]
        for call in calls:
            _check(call)
        if calls:
            log = CallLog(_lock(calls, transaction), FreshRefs(time.time_ns() // 1_000_000 + self._receipt_ms))
            for call in calls:
                log.apply(call)
            log.write(transaction)

    def forget(self) -> None:
        """Nothing is kept."""


class CallLog:
    """What a batch adds to the rows it has locked: (chunk, send) → [started, settled, carrier, at]."""

    def __init__(self, rows: dict[Key, list[int]], refs: FreshRefs) -> None:
        self._rows = rows
        self._refs = refs
        self._uncertain: Uncertain = {}
        self._answered: dict[Key, int] = {}

    def apply(self, call: Started | Settled) -> None:
        """Add one record."""
        row = self._rows[(call.tenant, call.chunk, call.send)]
        if isinstance(call, Started):
            row[0] |= call.positions
        else:
            self._settle(row, call, read_columns(call))
        row[2] = max(row[2], call.at)

    def write(self, transaction: Writer) -> None:
        """Rows, ids, uncertain positions."""
        keys = list(self._rows)
        rows = list(self._rows.values())
        transaction.execute(
            load_sql(__package__, "update_attempts"),
            (
                [k[0] for k in keys],
                [k[1] for k in keys],
                [k[2] for k in keys],
                [bitmap(r[0]) for r in rows],
                [bitmap(r[1]) for r in rows],
                [r[2] for r in rows],
            ),
        )
        if self._answered:
            gone = [(*key, bitmap(self._answered[key])) for key in sorted(self._answered)]
            transaction.execute(load_sql(__package__, "delete_uncertain"), _columns(gone, 4))
        if self._uncertain:
            entries = [(*key, *self._uncertain[key]) for key in sorted(self._uncertain)]
            transaction.execute(load_sql(__package__, "insert_uncertain"), _columns(entries, 7))
        self._refs.write(transaction)

    def _settle(self, row: list[int], call: Settled, columns: SettledColumns) -> None:
        # Already answered: its id is stored, and a late "uncertain" says less than what is known.
        fresh = call.positions & ~row[1]
        self._refs.add_answered(columns, row[1])
        to_hashes = columns.to_hashes() if columns.uncertain else {}
        for p in columns.uncertain:
            if fresh >> p & 1:
                entry = (call.carrier, to_hashes[p], call.at)
                self._uncertain.setdefault((call.tenant, call.chunk, call.send, p), entry)
        if columns.answered & fresh:
            key = (call.tenant, call.chunk, call.send)
            self._answered[key] = self._answered.get(key, 0) | columns.answered & fresh
            for entry_key in [k for k in self._uncertain if k[:3] == key and columns.answered >> k[3] & 1]:
                del self._uncertain[entry_key]
        row[0] |= call.positions
        row[1] |= columns.answered


def _check(call: Started | Settled) -> None:
    check_names(call.tenant, call.campaign, call.chunk)
    check_positions(call.size, call.positions)


def _lock(calls: Sequence[Started | Settled], transaction: Writer) -> dict[Key, list[int]]:
    """The rows of these calls, made where missing, locked: [started, settled, at]."""
    first = {(c.tenant, c.chunk, c.send): c for c in reversed(calls)}
    keys = sorted(first)
    columns = ([k[0] for k in keys], [k[1] for k in keys], [k[2] for k in keys])
    transaction.execute(
        load_sql(__package__, "insert_attempts"), (*columns, [first[k].carrier for k in keys], [first[k].at for k in keys])
    )
    found = transaction.rows(load_sql(__package__, "lock_attempts"), columns)
    return {
        (tenant, chunk, send): [int.from_bytes(started, "little"), int.from_bytes(settled, "little"), at]
        for tenant, chunk, send, started, settled, at in found
    }


def _columns(rows: Sequence[tuple[object, ...]], count: int) -> list[list[object]]:
    return [[row[i] for row in rows] for i in range(count)]
