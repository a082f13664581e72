"""What is made in a data folder is its owner's alone, whatever the umask, and in a folder that was open before."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.runtime.private_files import make_private_folder, open_private_log, replace_private_file
from infra.services import postgres_runtime
from infra.services.leftovers import write_record
from infra.services.ports import keep_port
from infra.services.process import Command, spawn
from infra.services.redis import RedisService
from infra.supervisor.data_folder import DataFolder
from infra.supervisor.log_bounds import bound


@pytest.fixture(params=[0, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def shared(tmp_path: Path, umask: int) -> Path:
    """A folder of the user's that others may read and enter."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


def open_to_others(folder: Path) -> list[str]:
    """What in this folder others may read, write or enter."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.lstat().st_mode & 0o077]


def test_a_data_folder_that_was_there(shared: Path) -> None:
    folder = DataFolder(shared)
    folder.create()
    assert folder.lock("up")
    folder.write(folder.stack_file, {"api_key": "sk"})
    keep_port(folder.ports_file, "gateway", None)
    write_record(folder.path / "process.json", os.getpid())
    make_private_folder(folder.path / "faust" / "streams-otp-0")
    with open_private_log(folder.logs / "sinks.log") as log:
        log.write(b"x")
    folder.unlock()
    assert open_to_others(shared) == []
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755, "it is the user's own"


def test_folders_and_files_that_were_open_are_closed(shared: Path) -> None:
    (shared / "logs").mkdir()
    (shared / "logs").chmod(0o755)
    fresh = shared / f".stack.json.{os.getpid()}.new"
    fresh.write_text("left by a kill")
    fresh.chmod(0o644)
    DataFolder(shared).create()
    replace_private_file(shared / "stack.json", "{}")
    assert open_to_others(shared) == []
    assert (shared / "stack.json").read_text() == "{}"


def test_a_log_that_is_begun_anew(shared: Path) -> None:
    log = shared / "a.log"
    log.write_bytes(b"line\n" * 100)
    assert bound(log, 10)
    assert log.with_name("a.log.1").exists() and "a.log.1" not in open_to_others(shared)


def test_what_a_program_makes_that_we_start(shared: Path) -> None:
    log, script = shared / "thing.log", f"echo x > {shared}/file; mkdir {shared}/folder"
    spawn(Command(name="Thing", argv=("/bin/sh", "-c", script), log=log)).finish(10)
    assert {"file", "folder", "thing.log"} <= {path.name for path in shared.iterdir()} and open_to_others(shared) == []


def test_the_password_of_redis_is_no_word_of_its_command_line(shared: Path) -> None:
    service = RedisService(shared / "redis")
    make_private_folder(shared / "redis")
    service.prepare()
    password = service._password()
    assert len(password) >= 32 and password in service.address_on(7)
    assert password not in " ".join(service.command(7).argv)
    service.prepare()
    assert service._password() == password, "made once"
    assert open_to_others(shared) == []


def test_a_place_for_programs_can_be_entered_by_all(shared: Path) -> None:
    place = shared / "place"
    postgres_runtime._ours_and_reachable(place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o755
