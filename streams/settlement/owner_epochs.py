"""Which owner of a partition of the log of calls is the newest, as of each record: what a replaced one wrote counts less.

In: records as they come, each with the epoch it carries (an owner's own record: its offset). Out: for each the greatest
epoch up to it. That is a fact of the log, not of this process: a record that does not follow directly on the one before it
(the first one after a start, after another process had the partition, behind bytes that could not be read, or handled once
more) makes the log be read back first, once for all such records of a batch. An owner's own record is always the newest.
`PortDown` when the log cannot be read back: then nothing of the batch may be handled.
"""

from __future__ import annotations

from collections.abc import Sequence

from infra.kafka.records import ConsumerRecord
from schemas.records.wire import Owner
from schemas.rules.owner_epochs import epoch_of
from streams.handler import Item
from streams.ports import OwnerAsk, Owners

TopicPartition = tuple[str, int]


class OwnerEpochs:
    """The newest owner of each partition, and the offset up to which that is known."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners
        self._known: dict[TopicPartition, tuple[int, int]] = {}

    async def newest(self, items: Sequence[Item]) -> list[int]:
        """The newest epoch as of each record of the log. Raises PortDown."""
        asks = self._not_following(items)
        read_back = dict(zip(asks, await self._owners.newest(asks), strict=True)) if asks else {}
        out = []
        for source, _, record, _ in items:
            partition = (source.topic, source.partition)
            following, newest = self._known.get(partition, (-1, -1))
            if source.offset != following:
                newest = read_back.get(_ask(source), -1)
            newest = max(newest, epoch_of(record, source.offset))
            self._known[partition] = (source.offset + 1, newest)
            out.append(newest)
        return out

    def _not_following(self, items: Sequence[Item]) -> list[OwnerAsk]:
        following = {partition: offset for partition, (offset, _) in self._known.items()}
        asks = []
        for source, _, record, _ in items:
            partition = (source.topic, source.partition)
            if source.offset != following.get(partition, -1) and not isinstance(record, Owner):
                asks.append(_ask(source))
            following[partition] = source.offset + 1
        return asks


def _ask(source: ConsumerRecord) -> OwnerAsk:
    return OwnerAsk(source.topic, source.partition, source.offset, source.timestamp)
