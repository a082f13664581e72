"""Messages that are canceled while they wait on a rung of the ladder: they are handed to the waiting room, where they end
at once.

In: commands that cancel messages of a chunk; the rungs' partitions that this process owns. Out: `held`, a row for each of
their slices that waits there, due when the rung would be. What is canceled of a row ends there, as of any other; its
neighbours leave the rung in their time, and what the row still holds then is a repeat, which intake and dispatch recognise.
A rung is read from the beginning of its wait on, by the broker's index of times, in part where it is crowded: what is not
found, and what a process that is killed has not handed over, ends when its rung is over; it is not sent in any case. Wrong:
nothing; with Kafka away it is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import structlog

from infra.kafka.client import Cluster, KafkaException
from infra.kafka.outbox import DeliveryError, Outbox
from infra.kafka.records import ConsumerRecord, PartitionKey
from infra.kafka.time_windows import Window, read_windows
from schemas.records.codec import DecodeError, decode_as, encode
from schemas.records.slice import RecordError, check_slice
from schemas.records.topics import HELD, INGEST_PARTITIONS
from schemas.records.wire import CampaignCommand, Retry
from schemas.rules.waiting_room import held_row
from schemas.values.ids import partition_of
from schemas.values.reasons import Reason

AGAIN_SECONDS = 1.0
log = structlog.get_logger()


class CanceledRetries:
    """Of one process. `places`: the partitions that it owns; `longest_wait`: seconds that anything waits on a rung's topic;
    `now` in milliseconds."""

    def __init__(
        self,
        cluster: Cluster,
        outbox: Outbox,
        *,
        places: Callable[[], Collection[PartitionKey]],
        longest_wait: Callable[[str], float],
        now: Callable[[], int],
    ) -> None:
        self._cluster = cluster
        self._outbox = outbox
        self._places = places
        self._longest_wait = longest_wait
        self._now = now
        self._canceled: dict[str, CampaignCommand] = {}
        self._some = asyncio.Event()

    def on_command(self, command: CampaignCommand) -> None:
        """What was canceled lately may wait on a rung."""
        if command.positions:
            self._canceled[command.campaign] = command
            self._some.set()

    async def run(self) -> None:
        """Until canceled."""
        while True:
            await self._some.wait()
            self._some.clear()
            canceled, self._canceled = self._canceled, {}
            try:
                await self.hand_over(canceled)
            except (KafkaException, DeliveryError) as fault:
                log.warning("canceled retries are looked for again", action="canceled_retries", fault=str(fault))
                await asyncio.sleep(AGAIN_SECONDS)
                for command in canceled.values():
                    if command.campaign not in self._canceled:
                        self.on_command(command)

    async def hand_over(self, canceled: dict[str, CampaignCommand]) -> None:
        """Rows for what waits on our rungs of these chunks."""
        windows = self._windows(canceled)
        if not windows:
            return
        found = await asyncio.to_thread(read_windows, self._cluster, windows)
        retries = [retry for record in found.records if (retry := _read(record)) is not None]
        now = self._now()
        rows = [
            held_row(retry.slice, Reason.CARRIER_TRANSIENT, retry.not_before, now)
            for retry in retries
            if retry.not_before > now and retry.slice.positions & canceled[retry.slice.chunk].positions
        ]
        headers = [("x-from", b"delay")]
        await asyncio.gather(*(self._outbox.send(HELD, row.slice.chunk.encode(), encode(row), headers) for row in rows))

    def _windows(self, canceled: dict[str, CampaignCommand]) -> list[Window]:
        """The stretches of our partitions where slices of these chunks may wait."""
        now, out = self._now(), []
        for topic, partition in self._places():
            since = now - int(self._longest_wait(topic) * 1000)
            keys = frozenset(
                chunk.encode()
                for chunk, command in canceled.items()
                if command.at > since and partition_of(chunk.encode(), INGEST_PARTITIONS) == partition
            )
            if keys:
                out.append(Window(topic, partition, since, now, keys))
        return out


def _read(record: ConsumerRecord) -> Retry | None:
    """None for what is no retry: whoever reads the rung in its order buries it."""
    try:
        retry = decode_as(record.value, Retry)
        check_slice(retry.slice)
    except (DecodeError, RecordError):
        return None
    return retry
