"""Accepted chunks → `chunk_payloads`: what is needed to send a waiting chunk, and to find messages by number.

In: envelopes of `ingest-<lane>`; only records that the gateway wrote (header `x-from`), since slices that come back are
stored already. Out: one sealed row a chunk, with keyed hashes of destinations and client references; the first one
stays. Goes wrong: columns that do not open (UnsealError), a slice that contradicts itself (RecordError).
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.sinks.contract import DecodedRecord, RecordError, Sink, Writer
from infra.kafka.records import ConsumerRecord
from infra.postgres import binary
from infra.postgres.sql import load_sql
from infra.security.sealing import Sealer
from schemas.records import topics
from schemas.records.codec import decode
from schemas.records.slice import ResumeAt, Slice, check_slice
from schemas.records.wire import Envelope, Record
from schemas.values.lanes import Lane
from schemas.values.positions import everyone

GATEWAY = b"gateway"


class IngestSink(Sink):
    """The only writer of `chunk_payloads`."""

    name = "ingest"
    reads = tuple(topics.ingest(lane) for lane in Lane)
    tables = ("chunk_payloads",)
    staging = (load_sql(__package__, "staging_payloads"),)
    linger_seconds = 0.5
    batch_records = 500

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def read(self, record: ConsumerRecord) -> Record | None:
        """The envelope, or None when it does not come from the gateway. Raises DecodeError."""
        return decode(record.value) if ("x-from", GATEWAY) in record.headers else None

    def apply(self, batch: Sequence[DecodedRecord], transaction: Writer) -> None:
        """Store what is new."""
        rows = {(s.tenant, s.chunk): self._row(s) for each in batch for s in _fresh(each)}
        if rows:
            stream = binary.stream([rows[key] for key in sorted(rows)])
            transaction.copy("COPY staging_payloads FROM STDIN (FORMAT binary)", stream)
            transaction.execute(load_sql(__package__, "insert_payloads"))

    def forget(self) -> None:
        """Nothing is kept."""

    def _row(self, s: Slice) -> bytes:
        columns = self._sealer.open(s)
        refs = binary.null()
        if columns.refs is not None:
            refs = binary.int8_list([None if r is None else self._sealer.hash_ref(r) for r in columns.refs])
        return binary.row(
            binary.uuid(s.tenant),
            binary.text(s.chunk),
            binary.text(s.campaign),
            binary.int4(s.part),
            binary.int2(s.size),
            binary.text(s.lane),
            binary.text(s.sender),
            binary.text(s.body),
            binary.boolean(s.smart),
            binary.int8(s.version),
            binary.int4(s.grouping),
            binary.blob(s.digest),
            binary.int8(s.accepted_at),
            binary.int8(s.due_at),
            binary.int8(s.expires_at),
            binary.blob(s.indexes),
            binary.text(s.key_id),
            binary.blob(s.sealed),
            binary.int8_array(self._sealer.hash_destinations(columns.to)),
            refs,
        )


def _fresh(each: DecodedRecord) -> list[Slice]:
    envelope = each.content
    if envelope is None:
        return []
    if not isinstance(envelope, Envelope):
        raise RecordError(f"a {type(envelope).__name__} where an Envelope belongs")
    for s in envelope.slices:
        check_slice(s)
    return [
        s for s in envelope.slices if s.resume_at == ResumeAt.PARTITION and s.send == 1 and s.positions == everyone(s.size)
    ]
