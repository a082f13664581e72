"""What `up` settles before it starts anything: where the simulated carrier listens, the gateway's address."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.runtime.refusal import Refusal
from infra.services.ports import promise
from infra.settings.model import GatewaySettings, Settings, SettingsError, SimulatorSettings
from infra.supervisor.data_folder import DataFolder
from infra.supervisor.launch import _choose, _in_url, _reachable
from infra.supervisor.roles import SIMULATOR, choose_roles

FOREIGN = "203.0.113.7"
"""Kept for documents (RFC 5737), so of no machine."""


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path)
    made.create()
    return made


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_the_simulators_port_is_kept(folder: DataFolder) -> None:
    settings, rows = _choose(Settings(gateway=GatewaySettings(port=0)), choose_roles(None), folder, True, False)
    again, _ = _choose(Settings(gateway=GatewaySettings(port=0)), choose_roles(None), folder, True, False)
    assert SIMULATOR in rows and settings.simulator.port == again.simulator.port != 2775


def test_a_taken_port_of_the_simulator_is_named_at_once(folder: DataFolder, taken: int) -> None:
    settings = Settings(gateway=GatewaySettings(port=0), simulator=SimulatorSettings(port=taken))
    with pytest.raises(Refusal, match=f"port {taken} is taken"):
        _choose(settings, choose_roles(None), folder, True, False)
    elsewhere, rows = _choose(settings, choose_roles("gateway"), folder, True, True)
    assert SIMULATOR not in rows and elsewhere.simulator.port == taken


def test_of_two_stacks_that_start_in_one_instant_one_has_the_default_port(folder: DataFolder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    first, second = promise(port), promise(port)
    assert first is not None and second is None
    settings, rows = Settings(gateway=GatewaySettings(port=port)), choose_roles(None)
    assert _choose(settings, rows, folder, False, False, promised=True)[0].gateway.port == port
    assert _choose(settings, rows, folder, False, False, promised=False)[0].gateway.port != port
    assert _choose(settings, rows, folder, True, False, promised=False)[0].gateway.port == port, "somebody asked for it"
    first.close()
    again = promise(port)
    assert again is not None
    again.close()


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        (FOREIGN, f"gateway.host {FOREIGN} is not an address of this machine"),
        ("nowhere.invalid", "gateway.host nowhere.invalid is no name that this machine can resolve"),
    ],
)
def test_a_host_that_is_not_ours_is_named_at_once(folder: DataFolder, host: str, problem: str) -> None:
    settings = Settings(gateway=GatewaySettings(host=host, port=0))
    with pytest.raises(Refusal, match=problem) as refusal:
        _choose(settings, choose_roles(None), folder, True, False)
    assert "gateway.host" in refusal.value.next_step
    elsewhere, _ = _choose(settings, choose_roles("streams-otp"), folder, True, True)
    assert elsewhere.gateway.host == host, "a gateway that is not started here may be anywhere"


def test_the_simulators_host_is_named_at_once(folder: DataFolder) -> None:
    settings = Settings(gateway=GatewaySettings(port=0), simulator=SimulatorSettings(host=FOREIGN))
    with pytest.raises(Refusal, match=f"simulator.host {FOREIGN} is not an address of this machine"):
        _choose(settings, choose_roles(None), folder, True, False)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_of_the_gateway_is_named_at_once(folder: DataFolder, taken: int, host: str) -> None:
    settings = Settings(gateway=GatewaySettings(host=host, port=taken))
    with pytest.raises(Refusal, match=f"port {taken} is taken by another program"):
        _choose(settings, choose_roles(None), folder, True, False)


def test_a_port_without_permission_is_not_called_taken(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(_socket: socket.socket, _address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "socket", type("Unprivileged", (socket.socket,), {"bind": bind}))
    with pytest.raises(Refusal, match="port 80 may not be opened by this user") as refusal:
        _choose(Settings(gateway=GatewaySettings(port=80)), choose_roles(None), folder, True, False)
    assert "1024" in refusal.value.next_step


def test_up_refuses_a_host_that_is_not_ours_before_it_starts_anything(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "infra.cli.main", "up", "--data", str(tmp_path / "data"), "--port", "0"],
        env={**os.environ, "SLUICE_GATEWAY__HOST": FOREIGN},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 1 and ended.stdout == ""
    assert f"gateway.host {FOREIGN} is not an address of this machine" in ended.stderr
    assert "Traceback" not in ended.stderr and not (tmp_path / "data" / "kafka").exists()


def test_a_script_with_an_unknown_name_stops_the_start(folder: DataFolder) -> None:
    settings = Settings(gateway=GatewaySettings(port=0), simulator=SimulatorSettings(script={"nonsense": 1}))
    with pytest.raises(SettingsError, match="nonsense"):
        _choose(settings, choose_roles(None), folder, True, False)


@pytest.mark.parametrize(
    ("host", "expected"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("gateway.local", "gateway.local")]
)
def test_where_the_gateway_is_found(host: str, expected: str) -> None:
    assert _in_url(_reachable(host)) == expected


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refusal, match="it is no folder"):
        DataFolder(tmp_path / "file").create()
