"""`[carriers.errors]`: what a carrier's own codes mean, from the file to the kind's settings; faults by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.settings.load import load_settings
from infra.settings.model import SettingsError, SimulatorSettings
from infra.supervisor.seeding import kind_settings

CARRIER = """
[[carriers]]
id = "acme-de"
kind = "smpp"
rate = 100
[carriers.smpp]
host = "127.0.0.1"
port = 2775
system_id = "sluice"
"""
SIMULATED = '[[carriers]]\nid = "sim"\nkind = "simulator"\nrate = 100\n'


def _write(folder: Path, text: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("carrier", [CARRIER, SIMULATED], ids=["smpp", "simulator"])
def test_they_reach_the_settings_of_the_kind(tmp_path: Path, carrier: str) -> None:
    file = _write(tmp_path, carrier + '[carriers.errors]\n"0x0000401" = "transient"\n"0x45" = "permanent"\n')
    [row] = load_settings({}, config=file, environment={}).settings.carriers
    kept, _ = kind_settings(row, SimulatorSettings()).columns()
    assert kept["errors"] == {"0x0000401": "transient", "0x45": "permanent"}


@pytest.mark.parametrize(
    ("table", "place", "says"),
    [
        ('"0x4G" = "permanent"', "carriers[0].errors", "'0x4G' is no command_status; write 0x and up to eight hexadecimal"),
        ('"ESME_RSYSERR" = "permanent"', "carriers[0].errors", "'ESME_RSYSERR' is no command_status"),
        ('"0x45" = "permanent"\n"0x00000045" = "unknown"', "carriers[0].errors", "'0x00000045' is there twice"),
        ('"0x0" = "permanent"', "carriers[0].errors", "says that all is well"),
        ('"0x400" = "fatal"', "carriers[0].errors.0x400", "'fatal' should be 'permanent', 'throttled', 'transient' or"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, table: str, place: str, says: str) -> None:
    file = _write(tmp_path, f"{CARRIER}[carriers.errors]\n{table}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings({}, config=file, environment={})
    [fault] = caught.value.faults
    assert fault.startswith(f"{file}: {place}: ") and says in fault


def test_there_is_one_place_for_it(tmp_path: Path) -> None:
    file = _write(tmp_path, CARRIER + 'errors = { "0x400" = "permanent" }\n')
    with pytest.raises(SettingsError, match=r"write this table as \[carriers.errors\]"):
        load_settings({}, config=file, environment={})
