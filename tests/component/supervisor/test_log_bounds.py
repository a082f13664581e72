"""Logs stay bounded while somebody writes to them: whole lines, none lost but for the instant of the cut."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.services.process import Child, Command
from infra.supervisor import log_bounds
from infra.supervisor.data_folder import DataFolder
from infra.supervisor.log_bounds import bound, keep_bounded
from infra.supervisor.roles import RoleRow
from infra.supervisor.supervisor import Supervisor
from tests.support.fake_roles import load_nothing
from tests.support.waiting import until


def test_a_small_log_stays_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "role.log"
    assert not bound(log, 10)
    log.write_text("123456789\n")
    assert not bound(log, 10)
    assert [file.name for file in tmp_path.iterdir()] == ["role.log"]


def test_a_large_one_is_kept_once_and_its_writer_goes_on_at_the_beginning(tmp_path: Path) -> None:
    log = tmp_path / "role.log"
    with log.open("ab", buffering=0) as writer:
        for content in (b"first\n" * 10, b"second\n" * 10):
            writer.write(content)
            assert bound(log, 50)
            assert (log.read_bytes(), (tmp_path / "role.log.1").read_bytes()) == (b"", content)
        writer.write(b"third\n")
    assert log.read_bytes() == b"third\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["role.log", "role.log.1"]


def test_half_a_line_whose_writer_died_holds_nothing_up(tmp_path: Path) -> None:
    log = tmp_path / "role.log"
    log.write_bytes(b'{"a": 1}\n{"a"')
    assert bound(log, 5)
    assert (tmp_path / "role.log.1").read_bytes() == b'{"a": 1}\n{"a"'
    assert log.read_bytes() == b""


def test_the_rest_of_a_line_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "role.log"
    log.write_bytes(b'{"a": 1}\n{"a"')

    def complete(_seconds: float) -> None:
        with log.open("ab") as writer:
            writer.write(b": 2}\n")

    monkeypatch.setattr("infra.supervisor.log_bounds.time.sleep", complete)
    assert bound(log, 5)
    assert (tmp_path / "role.log.1").read_bytes() == b'{"a": 1}\n{"a": 2}\n'


def test_a_log_that_cannot_be_copied_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "role.log"
    log.write_text("line\n" * 9)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("infra.supervisor.log_bounds.os.write", full)
    with pytest.raises(OSError, match="No space"):
        bound(log, 5)
    assert log.read_text() == "line\n" * 9
    assert [file.name for file in tmp_path.iterdir()] == ["role.log"]


async def test_what_cannot_be_done_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    looks = 0

    def refuse(_log: Path, _most: int) -> bool:
        nonlocal looks
        looks += 1
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log_bounds, "bound", refuse)
    task = asyncio.create_task(keep_bounded(lambda: [tmp_path / "a.log"], said.append, seconds=0.001))
    await until(lambda: looks > 5)
    task.cancel()
    assert said == [f"cannot keep {tmp_path / 'a.log'} from growing: No space left on device"]


WRITER = """
import json, os, sys
number = 0
while True:
    number += 1
    os.write(2, json.dumps({"number": number, "text": "x" * (number % 300)}).encode() + b"\\n")
"""


async def test_a_role_that_says_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_bounds, "MOST_BYTES", 200_000)
    monkeypatch.setattr(log_bounds, "LOOK_SECONDS", 0.02)
    folder = DataFolder(tmp_path)
    folder.create()
    supervisor = Supervisor(folder, dict(os.environ), lambda _: None, lambda _: (sys.executable, "-c", WRITER))
    supervisor.start_roles([RoleRow("fake", None, load_nothing)], {})
    old = folder.logs / "fake.log.1"
    kept: list[int] = []

    def first_number() -> int:
        with old.open("rb") as file:
            return int(json.loads(file.readline())["number"])

    try:
        for _ in range(3):
            before = kept[-1] if kept else 0
            await until(lambda before=before: old.exists() and first_number() > before)  # type: ignore[misc]
            kept.append(first_number())
    finally:
        await supervisor.end(0)
    numbers = [json.loads(line)["number"] for line in old.read_bytes().splitlines()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert kept == sorted(set(kept))


class Named:
    """A service that runs and says nothing."""

    name = "redis"
    pid = None

    def alive(self) -> bool:
        return True

    def start(self) -> None:
        raise AssertionError

    def stop(self) -> None:
        """Nothing runs."""


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    folder = DataFolder(tmp_path)
    folder.create()
    made = Supervisor(folder, {}, lambda _: None)
    yield made
    await made.end(0)


async def test_logs_of_services_too(supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_bounds, "MOST_BYTES", 10)
    for name in ("redis", "simulator-smsc"):
        (tmp_path / "logs" / f"{name}.log").write_text("more than ten bytes\n")
    supervisor.watch_services([Named()])
    await until((tmp_path / "logs" / "redis.log.1").exists)
    assert (tmp_path / "logs" / "redis.log").read_text() == ""
    assert not (tmp_path / "logs" / "simulator-smsc.log.1").exists()


def test_the_end_of_a_log_that_was_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "redis.log"
    log.write_text("new words\n")
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        child = Child(Command(name="Redis", argv=("redis",), log=log), process, log_start=1_000)
        assert child.tail() == "new words"
