"""Pictures of figures: well-formed, in proportion, and a file that is none is named."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from infra.bench.pictures import Bar, drawn, main, pictures

RECT = "{http://www.w3.org/2000/svg}rect"
SINGLE = {
    "scenario": "single",
    "keyed": True,
    "accepted_per_second": 3000,
    "carrier_per_second": 2900,
    "cpu_us_by_process": {"gateway": 80.0, "delay": 0.0, "kafka": 120.0},
}
PEER = {
    "peer": "kannel",
    "accepted_per_second": 1000,
    "carrier_per_second": 900,
    "cpu_us_by_process": {"bearerbox": 200.0, "smsbox": 50.0},
}


def test_bars_are_in_proportion() -> None:
    root = ElementTree.fromstring(drawn("a < b & c", [Bar("one", 10), Bar("two", 5)]))
    first, second = (float(rect.get("width") or 0) for rect in root.iter(RECT))
    assert first == 2 * second > 0


def test_nothing_to_draw() -> None:
    assert not list(ElementTree.fromstring(drawn("empty", [])).iter(RECT))


def test_a_run_with_a_peer() -> None:
    made = dict(pictures({**SINGLE, "peer": PEER}))
    assert set(made) == {"single-keyed-rate.svg", "single-keyed-cpu.svg"}
    assert len(list(ElementTree.fromstring(made["single-keyed-rate.svg"]).iter(RECT))) == 4
    cpu = made["single-keyed-cpu.svg"]
    assert "bearerbox" in cpu and "delay" not in cpu and cpu.index("kafka") < cpu.index("gateway")


def test_two_versions_and_an_idle_stack() -> None:
    rows = [{"figure": "cpu_us_per_message", "ratio": 0.5}, {"figure": "broken", "ratio": None}]
    assert set(dict(pictures({"scenario": "bulk", "other": "v1", "compared": rows}))) == {"bulk-compare.svg"}
    assert set(dict(pictures({"scenario": "idle", "cores_by_process": {"kafka": 0.1}}))) == {"idle-cpu.svg"}


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(SINGLE))
    bad.write_text("[]")
    assert main([str(tmp_path / "out"), str(good)]) == 0
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["single-keyed-cpu.svg"]
    assert main([str(tmp_path), str(bad)]) == 1 and "bad.json: no figures" in capsys.readouterr().err
    assert main([]) == 2


def test_waits_of_a_mixed_load_and_its_cores() -> None:
    wait = {"answer_ms": {"p50": 2.0, "p99": 8.0}, "accept_to_submit_ms": {"p50": 4.0, "p99": None}}
    made = dict(pictures({"scenario": "mixed", "codes": wait, "single": wait, "cores_by_process": {"kafka": 0.5}}))
    assert set(made) == {"mixed-waits.svg", "mixed-cpu.svg"}
    widths = [float(rect.get("width") or 0) for rect in ElementTree.fromstring(made["mixed-waits.svg"]).iter(RECT)]
    assert widths[:4] == [widths[1] / 4, widths[1], widths[1] / 2, 0] and len(widths) == 8


def test_receipts_are_counted_by_receipt() -> None:
    made = dict(pictures({"scenario": "receipts", "cpu_us_by_process": {"kafka": 3.0}}))
    assert "microseconds a receipt" in made["receipts-cpu.svg"]
