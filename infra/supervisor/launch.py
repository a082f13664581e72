"""A whole stack on this machine as one context: services, topics, tables, seeding, roles, all supervised.

In: settings, the roles wanted, how the services are tuned. Out: `Launched` once everything is ready; leaving the block
ends all of it. Wrong: the folder is in use, a port is taken, a service does not start: `Refusal` or `ServiceError`, with
everything ended that had been started.
"""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import SecretStr

from infra.runtime.refusal import Refusal
from infra.services.ports import keep_port, listening_fault, promise
from infra.services.stack import Stack, start_services
from infra.settings.kafka import ACCESS
from infra.settings.load import as_variables, child_environment
from infra.settings.model import GatewaySettings, Settings, SimulatorSettings
from infra.supervisor.data_folder import DataFolder, is_alive
from infra.supervisor.listening import check_place
from infra.supervisor.roles import SIMULATOR, RoleRow, check_script
from infra.supervisor.seeding import (
    Credentials,
    prepare_credentials,
    prepare_database,
    prepare_topics,
    secret,
    wants_simulator,
)
from infra.supervisor.supervisor import Supervisor, Tell

Tuning = Literal["fast", "bench"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """A stack that works. `settings` name the addresses of everything."""

    settings: Settings
    credentials: Credentials
    folder: DataFolder
    supervisor: Supervisor

    def as_json(self) -> dict[str, Any]:
        """The line of `up -o json`, also the content of `DATA/stack.json`."""
        settings = self.settings
        return {
            "gateway": settings.gateway.url,
            "kafka": settings.kafka.bootstrap,
            "postgres": secret(settings.postgres.url),
            "redis": secret(settings.redis.url),
            "api_key": self.credentials.api_key,
            "admin_key": self.credentials.admin_key,
            "data_dir": str(self.folder.path),
        }


@asynccontextmanager
async def launched(
    settings: Settings,
    rows: Sequence[RoleRow],
    *,
    tell: Tell,
    tuning: Tuning = "fast",
    port_given: bool = True,
    roles_given: bool = False,
    grace: float | None = None,
    forks: bool = True,
) -> AsyncIterator[Launched]:
    """Everything up and ready inside the block. To be entered from the main thread, as children are tied to it.

    `grace`: seconds that roles get to end in order; 0 when nothing of the folder is kept. `forks`: whether roles that die
    are to come back from a forkserver; making one takes some seconds of CPU.
    """
    folder = DataFolder(settings.data_dir)
    folder.create()
    if not folder.lock("up"):
        raise Refusal(f"{folder.path} is used by another `sluice up`", "stop that one or choose another folder with --data")
    # A port that nobody asked for goes to the first of two stacks that start in one instant, the other chooses another.
    promised = None if port_given else promise(settings.gateway.port)
    try:
        settings, rows = _choose(settings, rows, folder, port_given, roles_given, promised is not None)
        credentials = prepare_credentials(folder, settings)
        supervisor = Supervisor(folder, child_environment(), tell, forks=forks)
        try:
            await _check_given(settings)
            await supervisor.warm_up(rows)
            services = await _services(settings, folder, tuning, tell)
            supervisor.watch_services(services.started)
            settings = _located(settings, services, credentials)
            for sentence in await _prepare(settings, credentials, supervisor, rows):
                tell(sentence)
            running = Launched(settings=settings, credentials=credentials, folder=folder, supervisor=supervisor)
            if any(row.role == "gateway" for row in rows):
                await _gateway_ready(settings)
            access = {ACCESS: settings.kafka.access} if settings.kafka.access else {}
            folder.write(folder.stack_file, {**running.as_json(), **access})
            yield running
        finally:
            tell("ending")
            await supervisor.end(grace)
    finally:
        if promised is not None:
            promised.close()
        folder.unlock()


async def _check_given(settings: Settings) -> None:
    """Raises Refusal when a service that settings point to refuses us; where none is given, nothing is loaded."""
    secured = settings.kafka.security_protocol != "PLAINTEXT"
    if secured or settings.kafka.bootstrap or settings.postgres.url or settings.redis.url:
        from infra.supervisor.service_answers import check_given

        await asyncio.to_thread(check_given, settings)


async def _prepare(
    settings: Settings, credentials: Credentials, supervisor: Supervisor, rows: Sequence[RoleRow]
) -> list[str]:
    """Topics and tables at the same time, then the roles; what the file says otherwise than the tables."""
    _, passed_over = await asyncio.gather(
        asyncio.to_thread(prepare_topics, settings), asyncio.to_thread(prepare_database, settings, credentials)
    )
    supervisor.start_roles(rows, as_variables(settings))
    await supervisor.all_ready()
    return passed_over


def _choose(
    settings: Settings,
    rows: Sequence[RoleRow],
    folder: DataFolder,
    port_given: bool,
    roles_given: bool,
    promised: bool = False,
) -> tuple[Settings, Sequence[RoleRow]]:
    """Ports that stay the same as long as the folder lives; the simulator when it is wanted."""
    port = _gateway_port(settings.gateway, folder, port_given, promised, any(row.role == "gateway" for row in rows))
    simulator = settings.simulator
    if wants_simulator(settings):
        if not roles_given and SIMULATOR not in rows:
            rows = (*rows, SIMULATOR)
        simulator = _simulator(simulator, folder, SIMULATOR in rows)
    gateway = settings.gateway.model_copy(
        update={"port": port, "url": f"http://{_in_url(_reachable(settings.gateway.host))}:{port}"}
    )
    return settings.model_copy(
        update={
            "data_dir": folder.path,
            "keyring": settings.keyring and settings.keyring.absolute(),
            "gateway": gateway,
            "simulator": simulator,
        }
    ), rows


def _gateway_port(wanted: GatewaySettings, folder: DataFolder, given: bool, promised: bool, ours: bool) -> int:
    """The port it listens on. `given`: somebody asked for it; else it is ours if it is `promised` and nobody listens there.
    `ours`: it is to run here, so what would keep it from listening is said beforehand."""
    port = wanted.port
    if port == 0 or (not given and (not promised or listening_fault(wanted.host, port) is not None)):
        port = keep_port(folder.ports_file, "gateway", None)
    if ours:
        check_place("gateway", wanted.host, port, "give another one with --port")
    return port


def _simulator(wanted: SimulatorSettings, folder: DataFolder, ours: bool) -> SimulatorSettings:
    """Where it listens and what it writes. `ours`: it is to run here, so what would end it at once is said beforehand."""
    port = wanted.port
    if port == 0 or "port" not in wanted.model_fields_set:
        port = keep_port(folder.ports_file, "simulator", None)
    if ours:
        check_place("simulator", wanted.host, port, "set simulator.port")
        if wanted.control_port is not None:
            check_place("simulator", "127.0.0.1", wanted.control_port, "set simulator.control_port")
        check_script(wanted.script)
    return wanted.model_copy(update={"port": port, "log": wanted.log or folder.logs / "simulator-smsc.log"})


def _reachable(host: str) -> str:
    """An address that answers, for one that is listened on."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def _services(settings: Settings, folder: DataFolder, tuning: Tuning, tell: Tell) -> Stack:
    """The services: those of settings, of a running `services up`, else our own."""
    holder = folder.read(folder.services_file)
    known = holder if is_alive(holder.get("holder")) else {}
    kafka, postgres, redis = (
        settings.kafka.bootstrap or known.get("kafka"),
        secret(settings.postgres.url) or known.get("postgres"),
        secret(settings.redis.url) or known.get("redis"),
    )
    if not (kafka and postgres and redis):
        tell("starting the services")
    starting = asyncio.create_task(
        asyncio.to_thread(
            start_services, folder.path, kafka=kafka, postgres=postgres, redis=redis, tuning=tuning, cache=settings.cache_dir
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # Trap: the thread goes on; what it has started must be stopped before we may leave.
        stack = await starting
        await asyncio.to_thread(stack.stop)
        raise


def _located(settings: Settings, services: Stack, credentials: Credentials) -> Settings:
    return settings.model_copy(
        update={
            "kafka": settings.kafka.model_copy(update={"bootstrap": services.kafka}),
            "postgres": settings.postgres.model_copy(update={"url": SecretStr(services.postgres)}),
            "redis": settings.redis.model_copy(update={"url": SecretStr(services.redis)}),
            "admin_key": SecretStr(credentials.admin_key),
        }
    )


async def _gateway_ready(settings: Settings) -> None:
    while True:
        if await asyncio.to_thread(_answers, _reachable(settings.gateway.host), settings.gateway.port):
            return
        await asyncio.sleep(0.05)


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=3)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
