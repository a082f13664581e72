"""What campaigns may do now: `campaign-commands`, read whole and kept in memory.

In: the compacted topic (the newest record of a campaign wins, by version; one without a value ends what its key said). Out:
the command of a campaign, and a way to wait until a version has arrived. Every role that needs it has one cache of its own
and starts work only after `start` returned. A record that is no command is counted in `unreadable` and passed over, and
gets a dead letter from the cache that has `rejected`: whoever writes it is at fault, and its campaign keeps waiting. At the
start a topic that cannot be read raises `CommandsUnreadable`; later it is tried again.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from infra.kafka.client import Cluster, KafkaException, TopicPartition, Value, make_consumer
from infra.kafka.dead_letter_writer import DeadLetterFailed
from infra.kafka.records import ConsumerRecord
from infra.kafka.rejected_commands import RejectedCommands
from infra.kafka.subscription import readable
from schemas.records.codec import DecodeError, decode_as
from schemas.records.topics import COMMANDS
from schemas.records.wire import CampaignCommand

log = structlog.get_logger()

_BEGINNING = -2
_PATIENCE = 30.0
_START_PATIENCE = 20.0
_AGAIN = 0.2
_TURN_SECONDS = 0.25
_GATHER_SECONDS = 0.01


class CommandsUnreadable(RuntimeError):
    """The topic of commands cannot be read; the message says why."""


READING: dict[str, Value] = {"auto.offset.reset": "earliest", "fetch.wait.max.ms": 2000}
"""For nothing, each role asks the broker seldom; a record ends the wait at once. Trap: with 5000 the first campaign after a
start once came five seconds late; in 53 starts of a reader with a record right behind it, the longest took 0.6 s."""


class CommandCache:
    """The newest command of every campaign. To be started inside a running loop. `on_command`: called with each, on the
    loop."""

    def __init__(
        self,
        cluster: Cluster,
        rejected: RejectedCommands | None = None,
        on_command: Callable[[CampaignCommand], None] = lambda command: None,
    ) -> None:
        self._cluster = cluster
        self._on_command = on_command
        self._rejected = rejected
        self._commands: dict[str, CampaignCommand] = {}
        self._changed = asyncio.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.unreadable = 0

    def get(self, campaign: str) -> CampaignCommand | None:
        """The campaign's newest command, if any was read."""
        return self._commands.get(campaign)

    def version(self, campaign: str) -> int:
        """The newest version read; 0 for an unknown campaign."""
        command = self._commands.get(campaign)
        return 0 if command is None else command.version

    async def start(self) -> None:
        """Return when everything that the topic held at this moment has been read. Raises CommandsUnreadable."""
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        self._thread = threading.Thread(target=self._read, args=(loop, ready), name="commands", daemon=True)
        self._thread.start()
        await ready

    async def wait_version(self, campaign: str, version: int, timeout: float) -> bool:
        """Whether this version, or a newer one, has been read within `timeout` seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while self.version(campaign) < version:
            left = deadline - loop.time()
            if left <= 0:
                return False
            changed = self._changed
            try:
                await asyncio.wait_for(changed.wait(), left)
            except TimeoutError:
                return self.version(campaign) >= version
        return True

    async def wait_versions(self, wanted: Mapping[str, int], timeout: float) -> None:
        """Return when these versions, by campaign, have been read, or after `timeout` seconds."""
        await asyncio.gather(*(self.wait_version(campaign, version, timeout) for campaign, version in wanted.items()))

    async def stop(self) -> None:
        """End the reading; what is known stays."""
        self._stopped.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def apply(self, value: bytes | None) -> None:
        """One record of the topic, on the loop; older versions change nothing."""
        try:
            command = decode_as(value, CampaignCommand)
        except DecodeError as fault:
            self.unreadable += 1
            log.warning("passed over a record that is no command", action="command_unreadable", fault=str(fault))
            return
        if command.version >= self.version(command.campaign):
            self._commands[command.campaign] = command
            self._on_command(command)

    def _apply_all(self, records: list[ConsumerRecord], ready: asyncio.Future[None] | None) -> None:
        for record in records:
            if record.value is None and record.key is not None:
                self._commands.pop(record.key.decode("utf-8", "replace"), None)
            else:
                self.apply(record.value)
        if records:
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()
        if ready is not None and not ready.done():
            ready.set_result(None)

    def _read(self, loop: asyncio.AbstractEventLoop, ready: asyncio.Future[None]) -> None:
        """The thread: read until stopped; a fault begins again at the beginning, which changes nothing. At the start Kafka's
        own faults pass within `_START_PATIENCE` or are told; a topic that is not there is told at once."""
        give_up = time.monotonic() + _START_PATIENCE
        while not self._stopped.is_set():
            consumer = make_consumer(self._cluster, "sluice-commands", None, **READING)
            try:
                self._follow(consumer, loop, ready)
            except (KafkaException, CommandsUnreadable) as fault:
                if loop.is_closed():
                    return
                final = isinstance(fault, CommandsUnreadable) or time.monotonic() > give_up
                loop.call_soon_threadsafe(self._failed, ready, fault, final)
                self._stopped.wait(_AGAIN)
            except RuntimeError:
                if not loop.is_closed():
                    raise
                return
            finally:
                consumer.close()

    def _follow(self, consumer: Any, loop: asyncio.AbstractEventLoop, ready: asyncio.Future[None]) -> None:
        """Hand over what there is, in batches, and say so once all of the start has been read."""
        ends = self._ends(consumer)
        consumer.assign([TopicPartition(COMMANDS, partition, _BEGINNING) for partition in ends])
        behind = True
        while not self._stopped.is_set():
            # Whoever starts waits for this: where nothing more may be to come, nothing is waited for.
            first = _readable(consumer.consume(1, _GATHER_SECONDS if behind else _TURN_SECONDS))
            found = first and [*first, *_readable(consumer.consume(1000, _GATHER_SECONDS))]
            self._dead_letter(found)
            was_behind, behind = behind, behind and _behind(consumer, ends)
            if found or was_behind:
                loop.call_soon_threadsafe(self._apply_all, found, None if behind else ready)

    def _dead_letter(self, found: list[ConsumerRecord]) -> None:
        """Poison stays in this topic: a dead letter that fails holds up no campaign, and comes with the next start."""
        try:
            if self._rejected is not None:
                self._rejected.dead_letter_once(found)
        except (KafkaException, DeadLetterFailed) as fault:
            log.error(
                "records that are no commands could not become a dead letter", action="command_dead_letter", fault=str(fault)
            )

    def _failed(self, ready: asyncio.Future[None], fault: Exception, final: bool) -> None:
        log.error("the campaigns' commands cannot be read", action="commands_failed", fault=str(fault))
        if final and not ready.done():
            self._stopped.set()
            ready.set_exception(CommandsUnreadable(str(fault)))

    def _ends(self, consumer: Any) -> dict[int, int]:
        """The offset after the last record of every partition, now."""
        topic = consumer.list_topics(COMMANDS, _PATIENCE).topics[COMMANDS]
        if topic.error is not None or not topic.partitions:
            raise CommandsUnreadable(f"the topic {COMMANDS} cannot be read ({topic.error}): run `sluice topics apply`")
        return {
            partition: consumer.get_watermark_offsets(TopicPartition(COMMANDS, partition), timeout=_PATIENCE)[1]
            for partition in topic.partitions
        }


def _behind(consumer: Any, ends: dict[int, int]) -> bool:
    """Whether something that stood in the topic at the start has not been read yet."""
    at = {tp.partition: tp.offset for tp in consumer.position([TopicPartition(COMMANDS, p) for p in ends])}
    return any(end > 0 and at[partition] < end for partition, end in ends.items())


def _readable(messages: list[Any]) -> list[ConsumerRecord]:
    try:
        return readable(messages)
    except KafkaException as fault:
        raise CommandsUnreadable(str(fault.args[0])) from fault
