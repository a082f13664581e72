"""The topics of dispatch on the real Kafka: records put on `dispatch-<lane>`, and what dispatch has written.

In: a lane, a partition, a carrier, a campaign. Out: the log of calls, receipts and commits since this object was made, of
its partition alone unless told to watch others.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from infra.kafka.offsets import end_offsets
from schemas.records.codec import decode, encode
from schemas.records.slice import Slice
from schemas.records.topics import CARRIER_RECEIPTS, COMMANDS, attempts, dispatch
from schemas.records.wire import CampaignCommand, CarrierReceipts, Envelope, Record, Settled
from schemas.values.lanes import Lane, pool_of
from schemas.values.positions import places

TENANT = "11111111-1111-4111-8111-111111111111"


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class DispatchTopics:
    """One partition of a lane, and `carrier-receipts`."""

    def __init__(self, bootstrap: str, *, lane: Lane, partition: int, carrier: str, campaign: str) -> None:
        self.lane = lane
        self.pool = pool_of(lane)
        self.partition = partition
        self.carrier = carrier
        self.campaign = campaign
        self._bootstrap = bootstrap
        self._begin = {topic: self._end_of(topic) for topic in (attempts(lane), CARRIER_RECEIPTS)}
        self._elsewhere: dict[int, int] = {}

    def put(self, *slices: Slice) -> None:
        """One record each, acknowledged."""
        self.put_raw(*(encode(Envelope(slices=[one])) for one in slices))

    def put_raw(self, *values: bytes, topic: str | None = None, partition: int | None = None) -> None:
        """Bytes on this env's partition."""
        producer = Producer({"bootstrap.servers": self._bootstrap, "acks": "all", "linger.ms": 0})
        for value in values:
            producer.produce(
                topic or dispatch(self.lane), value, key=b"k", partition=self.partition if partition is None else partition
            )
        assert producer.flush(30) == 0

    def command(self, status: str, version: int) -> None:
        """A command of this campaign."""
        record = CampaignCommand(
            tenant=TENANT, campaign=self.campaign, version=version, status=status, lane=self.lane, parts=[0], at=now()
        )
        producer = Producer({"bootstrap.servers": self._bootstrap, "acks": "all", "linger.ms": 0})
        producer.produce(COMMANDS, encode(record), key=self.campaign.encode())
        assert producer.flush(30) == 0

    def calls(self) -> list[tuple[int, Record]]:
        """The log of calls of this partition since this env was made: (offset, record)."""
        topic = attempts(self.lane)
        return [(offset, decode(value)) for offset, value in self._read(topic, self.partition, self._begin[topic])]

    def of(self, kind: type[Any]) -> list[Any]:
        """The records of one kind in the log."""
        return [record for _, record in self.calls() if isinstance(record, kind)]

    def watch(self, partitions: Iterable[int]) -> None:
        """Look at these partitions of the log too, from now on."""
        self._elsewhere = {one: self._end_of(attempts(self.lane), one) for one in partitions if one != self.partition}

    def everywhere(self, kind: type[Any]) -> list[Any]:
        """The records of one kind of this carrier, in all partitions that are looked at."""
        logs = [
            self.calls(),
            *(
                [(offset, decode(value)) for offset, value in self._read(attempts(self.lane), one, begin)]
                for one, begin in self._elsewhere.items()
            ),
        ]
        return [
            record
            for log in logs
            for _, record in log
            if isinstance(record, kind) and getattr(record, "carrier", self.carrier) == self.carrier
        ]

    def receipts(self) -> list[CarrierReceipts]:
        """Receipts of this carrier."""
        found = [decode(value) for partition in range(4) for _, value in self._read(CARRIER_RECEIPTS, partition, 0)]
        return [record for record in found if isinstance(record, CarrierReceipts) and record.carrier == self.carrier]

    def committed(self) -> tuple[int, str]:
        """The group's offset of this partition, and its metadata."""
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": f"sluice-dispatch-{self.pool}"})
        try:
            [env] = consumer.committed([TopicPartition(dispatch(self.lane), self.partition)], 30)
            return env.offset, env.metadata or ""
        finally:
            consumer.close()

    def dispatch_end(self) -> int:
        """The end of this env's partition of dispatch."""
        return self._end_of(dispatch(self.lane))

    def _end_of(self, topic: str, partition: int | None = None) -> int:
        if partition is None:
            partition = self.partition % 4 if topic == CARRIER_RECEIPTS else self.partition
        return end_offsets(self._bootstrap, [topic])[topic, partition]

    def _read(self, topic: str, partition: int, begin: int) -> Sequence[tuple[int, bytes]]:
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "tests-reader",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        try:
            start = TopicPartition(topic, partition, begin)
            end = consumer.get_watermark_offsets(start, timeout=30)[1]
            consumer.assign([start])
            out: list[tuple[int, bytes]] = []
            deadline = time.monotonic() + 30
            while begin < end and (not out or out[-1][0] < end - 1):
                assert time.monotonic() < deadline, f"{topic}[{partition}] was not read to {end}"
                # Trap: `consume` with a time-out waits for all it was asked for; the role under test stands still meanwhile.
                found = [consumer.poll(0.1), *consumer.consume(500, 0)]
                out += [(m.offset() or 0, m.value() or b"") for m in found if m is not None and m.error() is None]
            return out
        finally:
            consumer.close()


def outcomes(records: Iterable[Settled]) -> dict[tuple[str, int], str]:
    """The last outcome of each message that these records know of."""
    return {
        (record.chunk, position): verdict.outcome
        for record in records
        for verdict in record.verdicts
        for position in places(verdict.positions)
    }
