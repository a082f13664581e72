"""A peer that is not installed is one line, and nothing else happens."""

from __future__ import annotations

from pathlib import Path
from string import Template

import pytest

from infra.bench import peer


async def test_what_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(peer, "NEEDED", ("sluice-has-no-such-program", "sh"))
    assert await peer.measure_kannel(1.0) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("kannel is not measured: sluice-has-no-such-program not installed (")


def test_everything_of_kannel_listens_on_loopback(tmp_path: Path) -> None:
    given = dict.fromkeys(("admin", "boxes", "smsc", "sendsms", "password", "folder", "spool", "window"), "1")
    lines = Template(peer.CONFIGURATION.read_text(encoding="utf-8")).substitute(given).splitlines()
    assert lines.count("store-type = spool") == 1
    for name in ("admin-interface", "smsbox-interface", "sendsms-interface"):
        assert f"{name} = 127.0.0.1" in lines
