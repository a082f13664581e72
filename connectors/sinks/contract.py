"""What a sink is: it writes what some topics say into tables of its own, and nothing else.

In: batches of records in the order of each partition. Out: rows, in the transaction in which the offsets move. Every sink
keeps three rules, proved by one suite for all of them: a record that comes twice changes nothing more than once, a late
record never undoes a newer one, and a tenant's record touches that tenant's rows alone. A record that contradicts itself
raises `RecordError`; the runner finds it, takes it apart, writes to the dead letters or skips what fails alone, and goes on
with the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from infra.kafka.records import ConsumerRecord
from infra.postgres.session import Writer
from schemas.records.codec import DecodeError, decode, encode
from schemas.records.slice import RecordError
from schemas.records.splits import split

__all__ = ["DecodedRecord", "RecordError", "Sink", "Writer", "bitmap"]


class DecodedRecord(NamedTuple):
    """`content` is what the sink's `read` made of the record."""

    record: ConsumerRecord
    content: Any = None


class Sink(Protocol):
    """`linger_seconds`: how long a busy sink gathers a batch, so that a row is written once instead of often. `wait_ms`: how
    long the broker gathers records before; 200 where somebody waits for the rows."""

    name: str
    reads: tuple[str, ...]
    tables: tuple[str, ...]
    staging: tuple[str, ...]
    linger_seconds: float
    batch_records: int
    wait_ms: int = 200

    def read(self, record: ConsumerRecord) -> Any:
        """What `apply` finds as the record's content. Raises DecodeError."""
        return decode(record.value)

    def split(self, record: ConsumerRecord) -> list[ConsumerRecord]:
        """Two smaller records that say the same to `apply`; none for one that stands alone, or cannot be cut."""
        try:
            return [record._replace(value=encode(piece)) for piece in split(self.read(record))]
        except (DecodeError, RecordError):
            return []

    def apply(self, batch: Sequence[DecodedRecord], transaction: Writer) -> None:
        """Write the batch. Raises RecordError for a record that contradicts itself."""

    def forget(self) -> None:
        """Drop everything kept in memory: the partitions have another owner, or a transaction was rolled back."""


def bitmap(positions: int) -> bytes:
    """A set of positions as it is stored: little-endian, as short as possible."""
    return positions.to_bytes((positions.bit_length() + 7) // 8, "little")
