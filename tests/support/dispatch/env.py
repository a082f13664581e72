"""Dispatch at work against a simulated carrier, on the real Kafka, PostgreSQL and Redis.

In: a pool, a script for the carrier. Out: the role as a task or as a process that may be killed; records put on
`dispatch-<lane>`; what the log of calls and the carrier's own log say. Each env has a carrier and a database of its own,
and looks only at what was written to its partition since it was made.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition
from psycopg.types.json import Jsonb

from connectors.dispatch.role import run
from connectors.simulator.log import Entry, SubmitLog, read_log
from connectors.simulator.script import Script
from connectors.simulator.server import SimulatorServer
from infra.kafka.offsets import end_offsets
from infra.runtime.role import RoleContext, ready_file
from infra.security.keyring import create_keyring, load_keyring
from infra.security.sealing import Sealer
from infra.settings.model import KafkaSettings, PostgresSettings, RedisSettings, Settings
from schemas.records.codec import decode, encode
from schemas.records.slice import Slice
from schemas.records.topics import CARRIER_RECEIPTS, COMMANDS, attempts, dispatch
from schemas.records.wire import CampaignCommand, CarrierReceipts, Envelope, Record
from schemas.values.ids import encode_128
from schemas.values.lanes import Lane, Pool, pool_of
from tests.support.dispatch.partition_reader import read_partition
from tests.support.dispatch.process_starter import start_process
from tests.support.dispatch.routed_slice import TENANT, now, routed_slice
from tests.support.toy_carrier import TOYS
from tests.support.waiting import until


class DispatchEnv:
    """To be opened once, closed once."""

    def __init__(self, services: Any, database: str, folder: Path, *, lane: Lane, partition: int) -> None:
        self.lane = lane
        self.pool = pool_of(lane)
        self.partition = partition
        self.carrier = f"t{secrets.token_hex(4)}"
        self.root = encode_128(secrets.randbits(127))
        self.campaign = f"cmp_{self.root}"
        self._services = services
        self._folder = folder
        create_keyring(folder / "keyring.json")
        self.sealer = Sealer(load_keyring(folder / "keyring.json"))
        self.settings = Settings(
            data_dir=folder,
            kafka=KafkaSettings(bootstrap=services.kafka),
            postgres=PostgresSettings.model_validate({"url": database}),
            redis=RedisSettings.model_validate({"url": services.redis}),
        )
        self._database = self.database_url = database
        self.redis_url: str = services.redis
        self._log_path = folder / "submits.csv"
        self._submits = SubmitLog(self._log_path)
        self._begin = {topic: self._end_of(topic) for topic in (attempts(lane), CARRIER_RECEIPTS)}
        self._elsewhere: dict[int, int] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.server: SimulatorServer

    async def open(
        self, script: Script | None = None, *, rate: int = 2000, window: int = 50, patience: float = 10.0
    ) -> None:
        """The simulator listens, the carrier stands in the database; an answer is awaited for `patience` seconds, which
        is to be longer than this process, where the simulator lives, may stand still."""
        self.server = SimulatorServer(script or Script(), self._submits)
        await self.server.start("127.0.0.1", 0)
        settings = {
            "host": "127.0.0.1",
            "port": self.server.port,
            "system_id": "s",
            "bind": "transceiver",
            "enquire_link_seconds": 30,
            "tls": False,
            "msg_id_type": "auto",
            "response_timeout_seconds": patience,
        }
        with psycopg.connect(self._database) as connection:
            connection.execute(
                "INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds, partition,"
                " settings) VALUES (%s, 1, 'smpp', %s, %s, 2, 60, %s, %s)",
                (self.carrier, rate, window, self.partition, Jsonb(settings)),
            )

    def database(self, statement: str, *values: object) -> None:
        """Change something there."""
        with psycopg.connect(self._database) as connection:
            connection.execute(statement, values)

    async def start(self) -> None:
        """The role as a task of this process; returns when it works."""
        ready = asyncio.Event()
        self._stop = asyncio.Event()
        name = f"dispatch-{self.pool}"
        role = RoleContext(
            settings=self.settings,
            name=name,
            pool="otp" if self.pool is Pool.OTP else "bulk",
            instance=f"{name}-0",
            stop=self._stop,
            ready=ready.set,
        )
        self._task = asyncio.create_task(run(role, TOYS))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait([waiting, self._task], timeout=60, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()
        assert ready.is_set(), "the role did not join"

    async def stop(self) -> None:
        """End the task as a stop signal would."""
        self._stop.set()
        if self._task is not None:
            task, self._task = self._task, None
            await asyncio.wait_for(task, 30)

    async def ended(self) -> Exception | None:
        """How the task ended by itself."""
        assert self._task is not None
        task, self._task = self._task, None
        await asyncio.wait([task], timeout=30)
        assert task.done(), "the role goes on"
        fault = task.exception()
        return fault if isinstance(fault, Exception) else None

    async def spawn(self, instance: str | None = None, **crash: object) -> subprocess.Popen[bytes]:
        """The role as a process of its own; returns when it works."""
        name = f"dispatch-{self.pool}" if instance is None else instance
        mark = ready_file(self._folder, name)
        mark.unlink(missing_ok=True)
        words = {
            "data_dir": str(self._folder),
            "kafka": self._services.kafka,
            "redis": self._services.redis,
            "postgres": self._database,
            "pool": self.pool,
            "name": name,
            "instance": instance or f"dispatch-{self.pool}-0",
            **crash,
        }
        process = start_process(self._folder / f"{name}.log", words)
        self._processes.append(process)
        await until(lambda: mark.exists() or process.poll() is not None, 60)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL, at once."""
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    def said(self, name: str) -> str:
        """What a process wrote."""
        return (self._folder / f"{name}.log").read_text()

    async def close(self) -> None:
        """Everything ends."""
        await self.stop()
        for process in self._processes:
            if process.poll() is None:
                self.kill(process)
        await self.server.stop()
        self._submits.close()

    def slice(self, size: int, number: int = 0, **given: Any) -> Slice:
        """A chunk of this campaign with destinations of its own; `variables` by name, `refs`."""
        given = {"chunk": f"chk_{self.root}_0_{number}", "campaign": self.campaign} | given
        return routed_slice(self.sealer, size, 1000 * number, lane=self.lane, carrier=self.carrier, **given)

    def put(self, *slices: Slice) -> None:
        """One record each, acknowledged."""
        self.put_raw(*(encode(Envelope(slices=[one])) for one in slices))

    def put_raw(self, *values: bytes, topic: str | None = None, partition: int | None = None) -> None:
        """Bytes on this env's partition."""
        producer = Producer({"bootstrap.servers": self._services.kafka, "acks": "all", "linger.ms": 0})
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
        producer = Producer({"bootstrap.servers": self._services.kafka, "acks": "all", "linger.ms": 0})
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

    def submits(self) -> list[Entry]:
        """Every submit that the carrier saw."""
        self._submits.flush()
        return read_log(self._log_path)

    def times_taken(self) -> Counter[str]:
        """How often the carrier took a first segment for each destination."""
        return Counter(entry.destination for entry in self.submits() if entry.status == 0 and entry.sequence <= 1)

    def committed(self) -> tuple[int, str]:
        """The group's offset of this partition, and its metadata."""
        consumer = Consumer({"bootstrap.servers": self._services.kafka, "group.id": f"sluice-dispatch-{self.pool}"})
        try:
            [env] = consumer.committed([TopicPartition(dispatch(self.lane), self.partition)], 30)
            return env.offset, env.metadata or ""
        finally:
            consumer.close()

    def dispatch_end(self) -> int:
        """The end of this env's partition of dispatch."""
        return self._end_of(dispatch(self.lane))

    def _read(self, topic: str, partition: int, begin: int) -> Sequence[tuple[int, bytes]]:
        return read_partition(self._services.kafka, topic, partition, begin)

    def _end_of(self, topic: str, partition: int | None = None) -> int:
        if partition is None:
            partition = self.partition % 4 if topic == CARRIER_RECEIPTS else self.partition
        return end_offsets(self._services.kafka, [topic])[topic, partition]


MakeEnv = Callable[[Lane], DispatchEnv]
