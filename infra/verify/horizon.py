"""How far back logs go, so that what Kafka has dropped by its age is not taken for something that never was.

In: the records of some topics as they are read, and where these topics end. Out: a moment from which on nothing is
missing. Nothing can go wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.kafka.records import ConsumerRecord, PartitionKey

NEVER = 2**62


@dataclass(slots=True)
class Horizon:
    """`whole_since`: 0 when every partition was read from its first record on, else milliseconds."""

    whole_since: int = 0
    _seen: set[PartitionKey] = field(default_factory=set)

    def read(self, entry: ConsumerRecord) -> None:
        """One record; only the first of each partition counts."""
        place = (entry.topic, entry.partition)
        if place not in self._seen:
            self._seen.add(place)
            if entry.offset:
                self.whole_since = max(self.whole_since, entry.timestamp)

    def end(self, ends: Mapping[PartitionKey, int]) -> None:
        """All was read: a partition that has an end and gave nothing has dropped all it had."""
        if any(end > 0 and place not in self._seen for place, end in ends.items()):
            self.whole_since = NEVER
