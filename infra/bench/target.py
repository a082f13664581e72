"""A stack as a measurement sees it, whoever started it and whatever its version.

In: what `sluice up -o json` prints, and the pid of the process that supervises. Out: `Target`: where to
send, the carrier's own log, and the pid of every process by its name. Nothing here raises for what a stack does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.bench.carrier_control import CarrierControl
from infra.bench.cpu import between, children, cpu_seconds
from infra.runtime.refusal import Refusal
from infra.settings.kafka import KafkaSettings
from infra.settings.load import load_settings
from infra.supervisor.data_folder import DataFolder

SERVICES = {"java": "kafka", "postgres": "postgres", "redis-server": "redis"}
"""Names of services, by those that the system knows their processes by."""
FORKSERVER = "forkserver"
CALM_LOOKS, CALM_CORES = 15, 0.4
READ_SECONDS, STILL_SECONDS = 0.4, 0.03
Pids = dict[str, int]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`log`: one line for each submit that the simulated carrier saw. `pids`: of this moment, without the supervisor.
    `control_port`: of the simulated carrier, if it has one."""

    url: str
    key: str
    log: Path
    pids: Callable[[], Pids]
    supervisor: int
    kafka: KafkaSettings
    postgres: str
    control_port: int | None = None

    def carrier(self) -> CarrierControl:
        """The carrier's control calls. Raises Refusal when it was started without."""
        if self.control_port is None:
            raise Refusal("the simulated carrier has no control port", "set simulator.control_port")
        return CarrierControl(self.control_port)

    def cpu(self) -> dict[str, float]:
        """Seconds so far, by process."""
        return cpu_seconds(self.pids())

    def cost(self, before: Mapping[str, float], messages: int) -> Row:
        """Microseconds a message since `before`, in all and by process."""
        spent = between(before, self.cpu())
        per_message = {name: round(value * 1e6 / max(1, messages), 2) for name, value in spent.items()}
        return {"cpu_us_per_message": round(sum(per_message.values()), 2), "cpu_us_by_process": per_message}


def target_of(line: Mapping[str, Any], supervisor: int, control_port: int | None = None) -> Target:
    """The stack that this process supervises; `line`: what `up` prints."""
    folder = DataFolder(Path(line["data_dir"]))

    def pids() -> Pids:
        roles = {role["name"]: role["pid"] for role in folder.read(folder.roles_file).get("roles", ()) if role["pid"]}
        return {**roles, **_others(supervisor, set(roles.values()))}

    return Target(
        url=line["gateway"],
        key=line["api_key"],
        log=folder.logs / "simulator-smsc.log",
        pids=pids,
        supervisor=supervisor,
        kafka=load_settings(default_file=None).settings.kafka.model_copy(update={"bootstrap": line["kafka"]}),
        postgres=line["postgres"],
        control_port=control_port,
    )


async def calm(target: Target) -> None:
    """Return once the stack has done what it does after its start, at the latest after some seconds: the process that roles
    are forked from begins late, reads code for a second of CPU and stands back behind everybody."""
    for _ in range(CALM_LOOKS):
        before = target.cpu()
        await asyncio.sleep(1.0)
        after = target.cpu()
        spent = between(before, after)
        read = after.get(FORKSERVER, 0.0) > READ_SECONDS and spent[FORKSERVER] < STILL_SECONDS
        if read and sum(spent.values()) < CALM_CORES:
            return


def _others(supervisor: int, roles: set[int]) -> Pids:
    """The services, and the process that roles are forked from."""
    found = {}
    for pid, name in children(supervisor).items():
        if name in SERVICES:
            found[SERVICES[name]] = pid
        elif name.startswith("python") and pid not in roles:
            found[FORKSERVER] = pid
    return found
