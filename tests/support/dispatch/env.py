"""Dispatch at work against a simulated carrier, on the real Kafka, PostgreSQL and Redis.

In: a pool, a script for the carrier. Out: the role as a task or as a process that may be killed; records put on
`dispatch-<lane>`; what the log of calls and the carrier's own log say. Each env has a carrier and a database of its own,
and looks only at what was written to its partition since it was made.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
from array import array
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from connectors.dispatch.role import run
from connectors.simulator.log import Entry, SubmitLog, read_log
from connectors.simulator.script import Script
from connectors.simulator.server import SimulatorServer
from infra.runtime.role import RoleContext, ready_file
from infra.security.keyring import create_keyring, load_keyring
from infra.security.sealing import Sealer
from infra.settings.model import KafkaSettings, PostgresSettings, RedisSettings, Settings
from schemas.records.slice import Columns, Slice
from schemas.values.ids import encode_128
from schemas.values.lanes import Lane, Pool
from schemas.values.positions import everyone
from tests.support.dispatch.topics import TENANT, DispatchTopics, now
from tests.support.toy_carrier import TOYS
from tests.support.waiting import until

DAY = 86_400_000


class DispatchEnv(DispatchTopics):
    """To be opened once, closed once."""

    def __init__(self, services: Any, database: str, folder: Path, *, lane: Lane, partition: int) -> None:
        self.root = encode_128(secrets.randbits(127))
        super().__init__(
            services.kafka,
            lane=lane,
            partition=partition,
            carrier=f"t{secrets.token_hex(4)}",
            campaign=f"cmp_{self.root}",
        )
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
        process = self._popen(name, words)
        await until(lambda: mark.exists() or process.poll() is not None, 60)
        return process

    def _popen(self, name: str, words: dict[str, object]) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.dispatch.process", json.dumps(words)], stdout=log, stderr=log
            )
        self._processes.append(process)
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
        """A chunk of this campaign with destinations of its own; `bodies` by name of a variable."""
        variables = given.pop("variables", {})
        refs = given.pop("refs", None)
        chunk = given.get("chunk", f"chk_{self.root}_0_{number}")
        columns = Columns(
            to=array("Q", [4915100000000 + 1000 * number + p for p in range(size)]).tobytes(), variables=variables, refs=refs
        )
        campaign = given.get("campaign", self.campaign)
        key_id, sealed = self.sealer.seal(columns, tenant=TENANT, campaign=campaign, chunk=chunk)
        fields: dict[str, Any] = {
            "tenant": TENANT,
            "campaign": campaign,
            "chunk": chunk,
            "part": 0,
            "size": size,
            "lane": self.lane,
            "send": 1,
            "positions": everyone(size),
            "version": 1,
            "sender": "ACME",
            "body": "hello",
            "accepted_at": now(),
            "due_at": now(),
            "expires_at": now() + DAY,
            "indexes": array("I", range(size)).tobytes(),
            "key_id": key_id,
            "sealed": sealed,
            "carrier": self.carrier,
            "price": 700,
            "segments": bytes([1]) * size,
            "resume_at": "route",
        }
        return Slice(**fields | given)

    def submits(self) -> list[Entry]:
        """Every submit that the carrier saw."""
        self._submits.flush()
        return read_log(self._log_path)

    def times_taken(self) -> Counter[str]:
        """How often the carrier took a first segment for each destination."""
        return Counter(entry.destination for entry in self.submits() if entry.status == 0 and entry.sequence <= 1)


MakeEnv = Callable[[Lane], DispatchEnv]
