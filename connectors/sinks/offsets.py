"""Where each partition goes on, kept in PostgreSQL beside the rows: `sink_offsets(topic, topic_id, partition, next, epoch)`.

In: partitions that Kafka has given to this process, and batches about to be written. Out: the offset to read from; and,
in the transaction that writes a batch, the offsets moved. Taking a partition over raises its epoch, and a writer with an
older one is refused: `StaleOwner`. So is one that finds an offset before what it has written itself: the database was set
back to an older copy, and is read from there again. A topic that was made anew (another id) begins at 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from connectors.sinks.contract import Writer
from infra.kafka.records import ConsumerRecord, PartitionKey
from infra.postgres.sql import load_sql


class StaleOwner(RuntimeError):
    """Another process has taken a partition of this batch over, or the database was set back."""


class SinkOffsets:
    """The partitions that this process owns, with the epoch of its ownership."""

    def __init__(self) -> None:
        self._epochs: dict[PartitionKey, int] = {}
        self._written: dict[PartitionKey, int] = {}
        self._moving: dict[PartitionKey, int] = {}

    def claim(self, places: Sequence[PartitionKey], ids: Mapping[str, str], transaction: Writer) -> dict[PartitionKey, int]:
        """Take these partitions over; the offset of the first record to read in each."""
        ordered = sorted(places)
        rows = transaction.rows(
            load_sql(__package__, "claim_offsets"),
            ([topic for topic, _ in ordered], [ids[topic] for topic, _ in ordered], [p for _, p in ordered]),
        )
        self._epochs = {(topic, partition): epoch for topic, partition, _, epoch in rows}
        self._written = {(topic, partition): following for topic, partition, following, _ in rows}
        return dict(self._written)

    def advance(self, batch: Iterable[ConsumerRecord], transaction: Writer, *, whole: bool = True) -> None:
        """Move the offsets behind this batch, before anything else of it is written; not `whole`: up to it, for a piece of a
        record. Raises StaleOwner."""
        self._moving = following = {(a.topic, a.partition): a.offset + whole for a in batch}
        places = sorted(following)
        if any(place not in self._epochs for place in places):
            raise StaleOwner(f"{places}: given up")
        moved = transaction.execute(
            load_sql(__package__, "advance_offsets"),
            (
                [topic for topic, _ in places],
                [p for _, p in places],
                [following[place] for place in places],
                [self._epochs[place] for place in places],
                [self._written[place] for place in places],
            ),
        )
        if moved != len(places):
            raise StaleOwner(f"{places}: another process has taken over, or the database was set back")

    def on_committed(self) -> None:
        """The transaction of the last `advance` has ended well. Not called where nobody knows: the same comes again."""
        self._written |= self._moving

    def release(self) -> None:
        """Own nothing any more."""
        self._epochs, self._written = {}, {}
