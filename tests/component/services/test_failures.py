"""What a user reads when an embedded service cannot be had: each failure names the cause and the next step.

In: broken folders, missing packages, closed repositories, programs that die. Out: `ServiceError`. Starts no server.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from types import ModuleType

import pytest

from infra.services import jars, java, postgres_runtime, redis
from infra.services.errors import ServiceError
from infra.services.leftovers import end_leftover, started, write_record
from infra.services.ports import free_port, is_free, keep_port
from infra.services.process import Command, spawn
from infra.services.redis import RedisService

Usage = namedtuple("Usage", "total used free")


def _command(log: Path, script: str) -> Command:
    return Command(name="Thing", argv=("/bin/sh", "-c", script), log=log)


def test_a_program_that_dies_shows_the_last_five_lines_of_this_run(tmp_path: Path) -> None:
    log = tmp_path / "thing.log"
    log.write_text("from an earlier run\n")
    child = spawn(_command(log, "for i in 1 2 3 4 5 6 7; do echo line $i; done; exit 3"))
    with pytest.raises(ServiceError, match=r"code 3") as caught:
        child.wait_until(lambda: False, 10)
    assert [f"line {n}" in str(caught.value) for n in range(1, 8)] == [False, False, True, True, True, True, True]
    assert "earlier" not in str(caught.value) and str(log) in caught.value.next_step


def test_a_program_that_never_answers_is_ended(tmp_path: Path) -> None:
    child = spawn(_command(tmp_path / "thing.log", "exec sleep 60"))
    with pytest.raises(ServiceError, match="did not answer"):
        child.wait_until(lambda: False, 0.1)
    assert not child.alive()


def test_a_program_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "thing.log"
    child = spawn(_command(log, "trap '' TERM; echo ready; while :; do sleep 0.05; done"))
    child.wait_until(lambda: "ready" in log.read_text(), 10)
    child.stop(grace_seconds=0.2)
    assert started(child.pid) is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceError, match=r"Cannot write to .*file/data"):
        RedisService(tmp_path / "file" / "data").start()


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12 - 1, 1))
    with pytest.raises(ServiceError, match="Less than 256 MB"):
        RedisService(tmp_path / "data").start()


@pytest.mark.parametrize("module", [redis, postgres_runtime, java])
def test_a_missing_package_names_what_to_install(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    find = {redis: redis._program, postgres_runtime: postgres_runtime._package, java: java.find_java}[module]
    with pytest.raises(ServiceError, match=r"pip install 'sluiceway\[embedded\]'"):
        find()


def test_an_unreachable_repository_is_named_and_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="Cannot fetch") as caught:
        jars.kafka_jars(tmp_path, repository=f"http://127.0.0.1:{free_port()}")
    assert "`make install`" in caught.value.next_step
    assert not (tmp_path / f"kafka-{jars.KAFKA_VERSION}").exists()


def test_a_jar_that_is_not_the_known_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forged = tmp_path / "forged.jar"

    def forge(*_: object) -> Path:
        forged.write_bytes(b"something else")
        return forged

    monkeypatch.setattr(jars, "fetched", forge)
    monkeypatch.setattr(jars, "PARALLEL", 1)
    with pytest.raises(ServiceError, match="is not the file we know"):
        jars.kafka_jars(tmp_path / "cache")
    assert not (tmp_path / "cache" / f"kafka-{jars.KAFKA_VERSION}").exists()


def test_the_lock_and_the_digests_speak_of_the_same_jars() -> None:
    coordinates = (jars.HERE / "kafka-jars.lock").read_text().split()
    assert sorted(jars._digests()) == sorted(jars._file_name(coordinate) for coordinate in coordinates)
    assert f"org.apache.kafka:kafka-clients:{jars.KAFKA_VERSION}" in coordinates


def test_a_chosen_port_is_remembered_below_the_ephemeral_range(tmp_path: Path) -> None:
    memory = tmp_path / "ports.json"
    port = keep_port(memory, "port", None)
    assert keep_port(memory, "port", None) == port < 32_768
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        with pytest.raises(ServiceError, match=f"Port {port}"):
            keep_port(memory, "port", None, fixed=True)
        assert keep_port(memory, "port", None) != port


def test_a_record_whose_pid_belongs_to_another_program_by_now_ends_nobody(tmp_path: Path) -> None:
    record = tmp_path / "process.json"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        write_record(record, bystander.pid)
        record.write_text(record.read_text().replace(str(started(bystander.pid)), "1"))
        end_leftover(record, signal.SIGTERM)
        assert bystander.poll() is None
        bystander.kill()
