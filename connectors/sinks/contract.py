"""What a sink is: it writes what some topics say into tables of its own, and nothing else.

In: batches of records in the order of each partition. Out: rows, in the transaction in which the offsets move. Every sink
keeps three rules, proved by one suite for all of them: a record that comes twice changes nothing more than once, a late
record never undoes a newer one, and a tenant's record touches that tenant's rows alone. A record that contradicts itself
raises `RecordError`; the runner finds it, takes it apart, buries or skips what fails alone, and goes on with the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from infra.postgres.session import Writer
from schemas.records.codec import DecodeError, decode, encode
from schemas.records.slice import RecordError
from schemas.records.splits import split

__all__ = ["SinkRecord", "RecordError", "Sink", "Writer", "bitmap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkRecord:
    """One record as Kafka gave it; `content` is what the sink's `read` made of it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    content: Any = None


class Sink(Protocol):
    """`linger_seconds`: how long a busy sink gathers a batch, so that a row is written once instead of often."""

    name: str
    reads: tuple[str, ...]
    tables: tuple[str, ...]
    staging: tuple[str, ...]
    linger_seconds: float
    batch_records: int

    def read(self, arrival: SinkRecord) -> Any:
        """What `apply` finds as the arrival's content. Raises DecodeError."""
        return decode(arrival.value)

    def split(self, arrival: SinkRecord) -> list[SinkRecord]:
        """Two smaller records that say the same to `apply`; none for one that stands alone, or cannot be cut."""
        try:
            return [replace(arrival, value=encode(piece), content=None) for piece in split(self.read(arrival))]
        except (DecodeError, RecordError):
            return []

    def apply(self, batch: Sequence[SinkRecord], transaction: Writer) -> None:
        """Write the batch. Raises RecordError for a record that contradicts itself."""

    def forget(self) -> None:
        """Drop everything kept in memory: the partitions have another owner, or a transaction was rolled back."""


def bitmap(positions: int) -> bytes:
    """A set of positions as it is stored: little-endian, as short as possible."""
    return positions.to_bytes((positions.bit_length() + 7) // 8, "little")
