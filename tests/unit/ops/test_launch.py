"""What `up` settles before it starts anything: where the simulated carrier listens, the gateway's address."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.ops.data_folder import DataFolder
from infra.ops.launch import _choose, _in_url, _reachable
from infra.ops.refusal import Refusal
from infra.ops.roles import SIMULATOR, choose_roles
from infra.settings import GatewaySettings, Settings, SettingsError, SimulatorSettings


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


def test_a_script_with_an_unknown_name_stops_the_start(folder: DataFolder) -> None:
    settings = Settings(gateway=GatewaySettings(port=0), simulator=SimulatorSettings(script={"nonsense": 1}))
    with pytest.raises(SettingsError, match="nonsense"):
        _choose(settings, choose_roles(None), folder, True, False)


@pytest.mark.parametrize(("host", "expected"), [
    ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("gateway.local", "gateway.local")])
def test_where_the_gateway_is_found(host: str, expected: str) -> None:
    assert _in_url(_reachable(host)) == expected


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refusal, match="it is no folder"):
        DataFolder(tmp_path / "file").create()
