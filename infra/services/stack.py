"""Kafka, PostgreSQL and Redis together: start those that no setting points elsewhere, watch, stop.

In: a data folder and the addresses that are given. Out: a `Stack` with three addresses and the services that it
started. Wrong: one that does not start: the others are stopped and its `ServiceError` is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from infra.runtime.private_files import FOLDER_MODE
from infra.services.kafka import KafkaService, Tuning
from infra.services.postgres import PostgresService
from infra.services.redis import RedisService
from infra.services.service import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Addresses as clients need them; `started`: the services that are ours."""

    kafka: str
    postgres: str
    redis: str
    started: tuple[Service, ...]

    def dead(self) -> list[Service]:
        """Services of ours that have ended; `start()` of each brings it back under its address."""
        return [service for service in self.started if not service.alive()]

    def stop(self) -> None:
        """End all of ours at the same time: none waits for another."""
        _together([service.stop for service in self.started])


def start_services(
    data: Path,
    *,
    kafka: str | None = None,
    postgres: str | None = None,
    redis: str | None = None,
    tuning: Tuning = "fast",
    cache: Path | None = None,
) -> Stack:
    """Start what has no address yet, in parallel, each in its folder below `data`, logging to `data/logs`."""
    data.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    logs = data.absolute() / "logs"
    services: dict[str, Service] = {}
    if kafka is None:
        services["kafka"] = KafkaService(data / "kafka", tuning=tuning, log=logs / "kafka.log", cache=cache)
    if postgres is None:
        services["postgres"] = PostgresService(data / "postgres", log=logs / "postgres.log")
    if redis is None:
        services["redis"] = RedisService(data / "redis", log=logs / "redis.log")
    started = tuple(services.values())
    try:
        _together([service.start for service in started])
    except BaseException:
        _together([service.stop for service in started])
        raise
    return Stack(
        kafka=kafka or services["kafka"].address,
        postgres=postgres or services["postgres"].address,
        redis=redis or services["redis"].address,
        started=started,
    )


def _together(actions: Sequence[Callable[[], None]]) -> None:
    """Run all, wait for all, then raise the first failure."""
    if not actions:
        return
    with ThreadPoolExecutor(len(actions)) as pool:
        jobs = [pool.submit(action) for action in actions]
    for job in jobs:
        job.result()
