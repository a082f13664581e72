"""A group's consumer as one thread uses it: partitions come and go, are held and released, polled and committed.

In: a consumer and its topics. Out: records in batches; what was assigned and revoked, told from within `poll`. A partition
is read unless it is held, alone or with all others. Goes wrong: `KafkaException` for what the client cannot mend and after
which reading on would jump over records or never succeed; a connection that breaks is the client's to mend, and passes.

Who uses how much: dispatch all of it, in a thread that bridges to the loop; delay from its loop, one call after the other;
sinks with offsets of their own (`own_offsets`), since theirs stand in PostgreSQL beside the rows. `campaign-commands` and
logs are read whole by assignment, without a group; they share `readable` and nothing else. Faust has a consumer of its own.

Traps. Every call is for the thread that polls: the client lets one in at a time, and `committed` or `commit` from another
waits while the first comes back to poll, perhaps for ever. A pause outlives a change of owners, so what comes back is
paused anew and then resumed, never believed to be one or the other; and within the callback it is too early to resume.
Where a partition is resumed, the client's thread for its broker may sleep a second more (see `_Reader` in client.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import structlog

from infra.kafka.client import KafkaException, TopicPartition
from infra.kafka.records import ConsumerRecord, PartitionKey, record_of
from infra.telemetry.repeats import Repeats

HOPELESS = frozenset(
    {
        "_AUTO_OFFSET_RESET",
        "OFFSET_OUT_OF_RANGE",
        "UNKNOWN_TOPIC_OR_PART",
        "TOPIC_AUTHORIZATION_FAILED",
        "GROUP_AUTHORIZATION_FAILED",
        "FENCED_INSTANCE_ID",
        "_FATAL",
    }
)
"""Faults after which reading on would jump over records, or never succeed."""

Told = Callable[[list[PartitionKey]], None]
log = structlog.get_logger()


class Subscription:
    """`all_held`: nothing is read for now. `own_offsets`: nothing is read before `assign` says from where. `begin_held`:
    each partition is held until it is released. `hopeless`: which faults are raised, besides those fatal to the client."""

    def __init__(
        self,
        consumer: Any,
        *,
        assigned: Told,
        revoked: Told,
        own_offsets: bool = False,
        begin_held: bool = False,
        hopeless: Collection[str] = HOPELESS,
    ) -> None:
        self.all_held = False
        self._consumer = consumer
        self._assigned = assigned
        self._revoked = revoked
        self._own_offsets = own_offsets
        self._begin_held = begin_held
        self._hopeless = hopeless
        self._faults = Repeats()
        self._owned: set[PartitionKey] = set()
        self._held: set[PartitionKey] = set()
        self._paused: set[PartitionKey] = set()
        self._lost_paused: set[PartitionKey] = set()

    def join(self, topics: Iterable[str]) -> None:
        """Become a member of the group; the callbacks come from within `poll` and `consume`."""
        self._consumer.subscribe(list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke)

    def close(self) -> None:
        """Leave; with static membership the partitions stay ours until the session ends."""
        self._consumer.close()

    def assign(self, offsets: Mapping[PartitionKey, int]) -> None:
        """Read these partitions, each from this offset (`own_offsets`)."""
        self._begin([TopicPartition(*place, offset) for place, offset in offsets.items()])

    def owns(self, place: PartitionKey) -> bool:
        """Whether this partition is ours now."""
        return place in self._owned

    def hold(self, place: PartitionKey) -> None:
        """Read no further there for now. This and `release` may be called by any thread."""
        self._held.add(place)

    def release(self, place: PartitionKey) -> None:
        """Read on there."""
        self._held.discard(place)

    def poll(self, most: int, seconds: float) -> list[ConsumerRecord]:
        """What is there, after up to `seconds` of waiting for the first. Raises KafkaException."""
        self._steer()
        first = self._consumer.poll(seconds)
        if first is None:
            return []
        return readable([first, *(self._consumer.consume(most - 1, 0) if most > 1 else ())], self._hopeless, self._passing)

    def consume(self, most: int, seconds: float) -> list[ConsumerRecord]:
        """`most` records, or what has come within `seconds`. Raises KafkaException."""
        self._steer()
        return readable(self._consumer.consume(most, seconds), self._hopeless, self._passing)

    def committed(self, places: Iterable[PartitionKey], seconds: float) -> dict[PartitionKey, tuple[int, str | None]]:
        """The group's offset (negative: none) and its metadata. Raises KafkaException."""
        found = self._consumer.committed([TopicPartition(*place) for place in places], seconds)
        return {(one.topic, one.partition): (one.offset, one.metadata) for one in found}

    def commit(self, offsets: Mapping[PartitionKey, tuple[int, str]], *, wait: bool = True) -> list[PartitionKey]:
        """Commit offset and metadata; those that Kafka has taken, if it was waited for. Raises KafkaException."""
        answers = self._consumer.commit(
            offsets=[TopicPartition(*place, offset, metadata) for place, (offset, metadata) in offsets.items()],
            asynchronous=not wait,
        )
        return [(one.topic, one.partition) for one in answers if one.error is None] if wait else []

    def _on_assign(self, consumer: Any, partitions: list[Any]) -> None:
        if self._own_offsets:
            # The client would start at an offset of its own choice.
            consumer.assign([])
        else:
            self._begin(partitions)
        self._assigned(_places(partitions))

    def _on_revoke(self, consumer: Any, partitions: list[Any]) -> None:
        lost = set(_places(partitions))
        self._lost_paused |= self._paused & lost
        self._paused -= lost
        self._owned -= lost
        self._held -= lost
        if self._own_offsets:
            consumer.unassign()
        self._revoked(list(lost))

    def _begin(self, partitions: list[Any]) -> None:
        places = set(_places(partitions))
        self._owned |= places
        if self._begin_held:
            self._held |= places
        paused = self._lost_paused & places | (self._held | (places if self.all_held else set())) & places
        self._lost_paused -= places
        self._consumer.assign(partitions)
        if paused:
            self._consumer.pause([TopicPartition(*place) for place in paused])
        self._paused |= paused

    def _steer(self) -> None:
        """Pause and resume so that exactly what is to be held is held."""
        wanted = set(self._owned) if self.all_held else self._owned & self._held
        stop, go = wanted - self._paused, self._paused - wanted
        if stop:
            self._consumer.pause([TopicPartition(*place) for place in stop])
        if go:
            self._consumer.resume([TopicPartition(*place) for place in go])
        self._paused = wanted

    def _passing(self, error: Any) -> None:
        left_out = self._faults.left_out(error.name())
        if left_out is not None:
            log.info("Kafka is not well", action="kafka_passing", error=str(error), left_out=left_out)


def readable(
    messages: Iterable[Any], hopeless: Collection[str] = HOPELESS, passing: Callable[[Any], None] = lambda error: None
) -> list[ConsumerRecord]:
    """The records among these messages. Raises KafkaException for a fault that does not pass."""
    records = []
    for message in messages:
        error = message.error()
        if error is None:
            records.append(record_of(message))
        elif error.fatal() or (error.name() in hopeless and not error.retriable()):
            raise KafkaException(error)
        else:
            passing(error)
    return records


def _places(partitions: Iterable[Any]) -> list[PartitionKey]:
    return [(one.topic, one.partition) for one in partitions]
