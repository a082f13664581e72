"""The embedded services as they are used: alone, side by side, over restarts and kills, and when they cannot start.

In: fresh folders and free ports. Out: addresses that answer, data that is still there. Wrong: sentences for the user.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from infra.services.errors import PortTaken, ServiceError
from infra.services.leftovers import started
from infra.services.ports import free_port
from infra.services.redis import RedisService
from infra.services.service import Embedded
from infra.services.stack import Stack, start_services
from tests.support.service_stack import SERVICE_PROBES, ServiceProbe
from tests.support.waiting import wait_for

pytestmark = pytest.mark.stack

PARENT = """
import json, sys
from pathlib import Path
from infra.services.stack import start_services
stack = start_services(Path(sys.argv[1]))
print(json.dumps({"pids": [service.pid for service in stack.started], "postgres": stack.postgres}), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module", params=SERVICE_PROBES)
def probe(request: pytest.FixtureRequest) -> ServiceProbe:
    return SERVICE_PROBES[request.param]


@pytest.fixture(scope="module")
def folder(probe: ServiceProbe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `running` lives."""
    return tmp_path_factory.mktemp("running") / "data"


@pytest.fixture(scope="module")
def running(probe: ServiceProbe, folder: Path) -> Iterator[Embedded]:
    """A service that tests leave as it is."""
    service = probe.make(folder, None)
    service.start()
    yield service
    service.stop()


@pytest.fixture
def started_here() -> Iterator[list[Embedded]]:
    """Services that the test started; they end with it."""
    services: list[Embedded] = []
    yield services
    for service in services:
        service.stop()


def _kill(service: Embedded) -> None:
    pid = service.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not service.alive())


def test_data_and_address_survive_an_orderly_restart(
    probe: ServiceProbe, tmp_path: Path, started_here: list[Embedded]
) -> None:
    first = probe.make(tmp_path / "data", None)
    started_here.append(first)
    first.start()
    probe.keep(first.address, "still here")
    first.stop()
    assert first.pid is None and not first.alive()
    second = probe.make(tmp_path / "data", None)
    started_here.append(second)
    second.start()
    assert second.address == first.address
    assert probe.find(second.address) == "still here"


def test_redis_serves_nobody_without_the_password(tmp_path: Path, started_here: list[Embedded]) -> None:
    service = RedisService(tmp_path / "data")
    started_here.append(service)
    service.start()
    address = urlsplit(service.address)
    stranger = redis.Redis(port=address.port or 0, retry=Retry(NoBackoff(), 0))
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    cmdline = Path(f"/proc/{service.pid}/cmdline").read_text()
    assert address.password and address.password not in cmdline
    assert not [path for path in (tmp_path / "data").rglob("*") if path.stat().st_mode & 0o077]


def test_two_of_a_kind_run_side_by_side(
    probe: ServiceProbe, running: Embedded, tmp_path: Path, started_here: list[Embedded]
) -> None:
    other = probe.make(tmp_path / "other", None)
    started_here.append(other)
    other.start()
    both = (running, other)
    for service, text in zip(both, ("first", "second"), strict=True):
        probe.keep(service.address, text)
    assert [probe.find(service.address) for service in both] == ["first", "second"]


def test_a_killed_service_comes_back_under_its_address(
    probe: ServiceProbe, tmp_path: Path, started_here: list[Embedded]
) -> None:
    service = probe.make(tmp_path / "data", None)
    started_here.append(service)
    service.start()
    address = service.address
    probe.keep(address, "survived")
    for _ in range(2):
        _kill(service)
        service.start()
        assert service.address == address
        assert probe.find(address) == "survived"


def test_a_given_port_is_used_and_a_taken_one_is_named(
    probe: ServiceProbe, tmp_path: Path, started_here: list[Embedded]
) -> None:
    port = free_port()
    service = probe.make(tmp_path / "data", port)
    started_here.append(service)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTaken, match=f"Port {port} .* taken"):
        service.start()
    service.start()
    assert f":{port}" in service.address


def test_a_folder_in_use_is_refused(probe: ServiceProbe, folder: Path, running: Embedded) -> None:
    with pytest.raises(ServiceError, match=f"in use by process {os.getpid()}"):
        probe.make(folder, None).start()
    assert running.alive()


def test_a_port_we_chose_is_exchanged_when_another_program_has_it(tmp_path: Path, started_here: list[Embedded]) -> None:
    probe = SERVICE_PROBES["redis"]
    service = probe.make(tmp_path / "data", None)
    started_here.append(service)
    service.start()
    port = urlsplit(service.address).port
    service.stop()
    with socket.create_server(("127.0.0.1", port or 0)):
        with pytest.raises(PortTaken):
            service.start()  # others know its address by now
        after = probe.make(tmp_path / "data", None)
        started_here.append(after)
        after.start()
    assert urlsplit(after.address).port != port


def test_services_end_with_a_killed_parent_and_the_folder_can_be_used_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin is not None and parent.stdout is not None
    with parent:
        facts = json.loads(parent.stdout.readline())
        with psycopg.connect(facts["postgres"]) as client:
            client.execute("CREATE TABLE written_before (x int)")
            client.commit()
            parent.kill()
            parent.wait()
            wait_for(lambda: not any(started(pid) for pid in facts["pids"]), seconds=30)
    stack = start_services(data)
    try:
        with psycopg.connect(stack.postgres) as client:
            assert client.execute("SELECT count(*) FROM written_before").fetchone() == (0,)
        assert stack.postgres == facts["postgres"]
    finally:
        stack.stop()


def test_a_start_takes_over_from_what_a_killed_parent_left(tmp_path: Path) -> None:
    """At once after the kill, while the old services are still ending."""
    data = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        facts = json.loads(parent.stdout.readline())
        parent.kill()
    stack = start_services(data)
    try:
        assert stack.postgres == facts["postgres"]
        assert not {service.pid for service in stack.started} & set(facts["pids"])
    finally:
        stack.stop()


def test_given_addresses_start_nothing(tmp_path: Path) -> None:
    stack = start_services(tmp_path, kafka="k:1", postgres="postgresql://p", redis="redis://r")
    assert (stack.started, stack.kafka, stack.dead()) == ((), "k:1", [])


def test_one_that_cannot_start_stops_the_others(tmp_path: Path) -> None:
    (tmp_path / "redis").write_text("a file where a folder must be")
    with pytest.raises(ServiceError, match="redis"):
        start_services(tmp_path, kafka="k:1")
    record = json.loads((tmp_path / "postgres" / "process.json").read_text())
    assert started(record["pid"]) is None


def test_the_stack_names_its_dead_and_they_can_be_restarted(tmp_path: Path) -> None:
    stack = start_services(tmp_path, kafka="k:1", postgres="postgresql://p")
    try:
        (redis_service,) = stack.started
        assert redis_service.pid is not None
        os.kill(redis_service.pid, signal.SIGKILL)
        wait_for(stack.dead)
        assert stack.dead() == [redis_service]
        redis_service.start()
        assert stack.dead() == [] and redis_service.address == stack.redis
    finally:
        stack.stop()


def test_the_shared_services_of_a_test_run_answer(services: Stack) -> None:
    assert [service.alive() for service in services.started] == [True, True, True]
    with psycopg.connect(services.postgres) as client:
        assert client.execute("SELECT current_database()").fetchone() == ("sluice",)
