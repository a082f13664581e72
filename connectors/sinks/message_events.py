"""Message events → `chunks` (the state of every message), `campaign_counts` and `awaited_receipts`.

In: `MessageEvents`. Out: each chunk that changed, written once a batch; the counts of its campaign moved by what changed,
one row for each campaign and partition so that no row is hot; and a row for each chunk and carrier with messages that
rest in `sent`, as long as they do, by which the releaser finds overdue receipts. The columns of recent chunks are kept in
memory, bounded, and dropped with the partitions; they are right as long as this process alone writes them, which the epoch
in the same transaction makes sure. Goes wrong: RecordError.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import msgspec

from connectors.sinks.chunk_state import RANKS, ChunkState
from connectors.sinks.contract import DecodedRecord, RecordError, Sink, Writer
from infra.postgres import binary
from infra.postgres.sql import load_sql
from schemas.records import topics
from schemas.records.slice import MAX_CHUNK, check_names
from schemas.records.wire import MessageEvents
from schemas.values.lanes import Lane

KEPT_CHUNKS = 20_000
KEPT_MESSAGES = 2_000_000

Key = tuple[str, str]
Moves = dict[tuple[str, str, int], list[int]]


class MessageEventsSink(Sink):
    """The only writer of `chunks` and `campaign_counts`; in `awaited_receipts` the releaser writes its leases."""

    name = "message-events"
    reads = tuple(topics.events(lane) for lane in Lane)
    tables = ("chunks", "campaign_counts", "awaited_receipts")
    staging = (load_sql(__package__, "staging_chunks"),)
    linger_seconds = 0.5
    wait_ms = 500
    batch_records = 4000

    def __init__(self) -> None:
        self._kept: dict[Key, ChunkState] = {}
        self._messages = 0
        self._carriers: dict[str, int] = {}

    def apply(self, batch: Sequence[DecodedRecord], transaction: Writer) -> None:
        """Take the batch in; one upsert of chunks, one of counts."""
        self._load(batch, transaction)
        moves: Moves = {}
        changed: dict[Key, ChunkState] = {}
        for each in batch:
            event = _event(each)
            key = (event.tenant, event.chunk)
            changed[key] = state = self._kept[key]
            if (event.size, event.campaign) != (state.size, state.campaign):
                raise RecordError(f"size or campaign: not those of {event.chunk}")
            moved = moves.setdefault((event.tenant, event.campaign or "", each.record.partition), [0] * RANKS)
            for change in event.changes:
                number = self._number(change.carrier, transaction) if change.carrier else 0
                state.apply(change, event.at, number, moved)
        _write_chunks(changed.values(), transaction)
        _write_counts(moves, batch[-1].record.timestamp, transaction)
        _write_awaited(changed, transaction)
        self._trim()

    def forget(self) -> None:
        """Drop all columns."""
        self._kept.clear()
        self._messages = 0

    def _load(self, batch: Sequence[DecodedRecord], transaction: Writer) -> None:
        missing: dict[Key, MessageEvents] = {}
        for each in batch:
            event = _event(each)
            key = (event.tenant, event.chunk)
            kept = self._kept.pop(key, None)
            if kept is not None:
                self._kept[key] = kept  # the newest stand last
            else:
                missing.setdefault(key, event)
        if not missing:
            return
        tenants, chunks = [key[0] for key in missing], [key[1] for key in missing]
        stored = {
            (row[0], row[1]): row[2:] for row in transaction.rows(load_sql(__package__, "select_chunks"), (tenants, chunks))
        }
        for key, event in missing.items():
            self._kept[key] = state = ChunkState(event)
            self._messages += event.size
            if key in stored:
                state.restore(*stored[key])

    def _number(self, carrier: str, transaction: Writer) -> int:
        if carrier not in self._carriers:
            self._carriers.update(transaction.rows(load_sql(__package__, "carrier_numbers")))
        return self._carriers.get(carrier, 0)

    def _trim(self) -> None:
        while len(self._kept) > KEPT_CHUNKS or self._messages > KEPT_MESSAGES:
            oldest = next(iter(self._kept))
            self._messages -= self._kept.pop(oldest).size


def _event(each: DecodedRecord) -> MessageEvents:
    event = each.content
    if not isinstance(event, MessageEvents):
        raise RecordError(f"a {type(event).__name__} where MessageEvents belong")
    check_names(event.tenant, event.campaign, event.chunk)
    if not 1 <= event.size <= MAX_CHUNK:
        raise RecordError(f"size: {event.size} is not within 1..{MAX_CHUNK}")
    return event


def _write_chunks(states: Iterable[ChunkState], transaction: Writer) -> None:
    rows = [
        binary.row(
            binary.uuid(s.tenant),
            binary.text(s.chunk),
            binary.text(s.campaign),
            binary.int4(s.part),
            binary.int2(s.size),
            binary.text(s.lane),
            binary.int4_array(s.sequences),
            binary.int2_array(s.reasons),
            binary.int4_array(s.seconds),
            binary.int2_array(s.carriers),
            binary.int2_array(s.segments),
            binary.int8(s.price),
            binary.jsonb(msgspec.json.encode(s.codes)),
            binary.int8(s.updated_at),
        )
        for s in states
    ]
    transaction.copy("COPY staging_chunks FROM STDIN (FORMAT binary)", binary.stream(rows))
    transaction.execute(load_sql(__package__, "upsert_chunks"))


def _write_awaited(states: dict[Key, ChunkState], transaction: Writer) -> None:
    """The difference between what rests now and what did when the chunk was last written."""
    begun: list[tuple[object, ...]] = []
    ended: list[tuple[object, ...]] = []
    for key in sorted(states):
        state = states[key]
        resting = state.resting()
        if resting != state.awaited:
            begun += [(*key, carrier, since) for carrier, since in resting.items() if state.awaited.get(carrier) != since]
            ended += [(*key, carrier) for carrier in state.awaited.keys() - resting.keys()]
            state.awaited = resting
    if begun:
        transaction.execute(load_sql(__package__, "upsert_awaited"), [list(c) for c in zip(*begun, strict=True)])
    if ended:
        transaction.execute(load_sql(__package__, "delete_awaited"), [list(c) for c in zip(*ended, strict=True)])


def _write_counts(moves: Moves, at: int, transaction: Writer) -> None:
    rows = []
    for (tenant, campaign, partition), moved in sorted(moves.items()):
        moved[0] = 0  # `accepted` is what the campaign has in all; it is never counted here
        if campaign and any(moved):
            rows.append((tenant, campaign, partition, moved))
    if rows:
        flat = array("q", [count for *_, moved in rows for count in moved]).tolist()
        transaction.execute(
            load_sql(__package__, "upsert_counts"),
            {
                "tenants": [r[0] for r in rows],
                "campaigns": [r[1] for r in rows],
                "partitions": [r[2] for r in rows],
                "moves": flat,
                "ranks": RANKS,
                "at": at,
            },
        )
