"""A role's session gets the role's nice value, however often the kernel has to be told."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from infra.runtime import priority
from infra.runtime.priority import lower_session_priority
from tests.support.waiting import until


class Busy:
    """A kernel that has just listened to others, so many times."""

    def __init__(self, times: int, number: int = errno.EAGAIN) -> None:
        self.times, self.number = times, number
        self.heard: list[str] = []

    def write_text(self, text: str, encoding: str) -> None:
        if self.times:
            self.times -= 1
            raise OSError(self.number, "busy")
        self.heard.append(text)


@pytest.fixture(autouse=True)
def leader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getsid", lambda _pid: os.getpid())


async def test_it_is_said_until_it_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Busy(2)
    monkeypatch.setattr(priority, "SESSION", kernel)
    lower_session_priority(10)
    assert kernel.heard == []
    await until(lambda: kernel.heard == ["10"])


@pytest.mark.parametrize(("number", "tries"), [(errno.EPERM, 100), (errno.ENOENT, 100), (errno.EAGAIN, 1)])
async def test_a_kernel_that_will_not_is_named_once(monkeypatch: pytest.MonkeyPatch, number: int, tries: int) -> None:
    kernel = Busy(1, number)
    monkeypatch.setattr(priority, "SESSION", kernel)
    with capture_logs() as entries:
        lower_session_priority(10, tries)
    assert [entry["action"] for entry in entries] == ["session_weight"]
    assert kernel.heard == []


async def test_a_session_of_somebody_else_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    word = tmp_path / "word"
    monkeypatch.setattr(priority, "SESSION", word)
    lower_session_priority(0)
    assert not word.exists(), "a role that stands back for nobody"
    monkeypatch.setattr(os, "getsid", lambda _pid: os.getppid())
    lower_session_priority(10)
    assert not word.exists(), "a shell's session"
    monkeypatch.setattr(os, "getsid", lambda _pid: os.getpid())
    lower_session_priority(10)
    assert word.read_text() == "10"
