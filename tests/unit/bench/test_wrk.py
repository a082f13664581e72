"""What wrk is asked and what it says: the script's line is found below wrk's own words, and refusals are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.bench.wrk import parse, wrk_command
from infra.runtime.refusal import Refusal

OUTPUT = """Running 5s test @ http://127.0.0.1:8080
  2 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    17.95ms    9.10ms 110.06ms   84.00%
  16300 requests in 5.09s, 3.10MB read
  Non-2xx or 3xx responses: 60
Requests/sec:   3203.12

{"requests":16300,"microseconds":5090000,"refused":60,"broken":3,"p50":17950,"p99":65440,"max":110060}
"""


def test_the_figures() -> None:
    shot = parse(OUTPUT)
    assert (shot.accepted, shot.refused, shot.broken, shot.seconds) == (16_240, 60, 3, 5.09)
    assert shot.answers() == {"p50": 17.95, "p99": 65.44, "max": 110.06}


def test_the_pause_for_half_of_the_rate() -> None:
    """64 connections with 3,190 answers a second begin a request every 20 ms; a request each 40 has 22 beside its answer."""
    assert parse(OUTPUT).half_pause() == pytest.approx(22.2, abs=0.1)


@pytest.mark.parametrize("output", ["", "unable to connect to 127.0.0.1:1 Connection refused\n"])
def test_no_figures(output: str) -> None:
    with pytest.raises(Refusal, match="wrk printed no figures"):
        parse(output)


@pytest.mark.parametrize(("seconds", "asked"), [(0.2, "1s"), (5.0, "5s"), (7.6, "8s")])
def test_whole_seconds_and_a_script_that_exists(seconds: float, asked: str) -> None:
    command = wrk_command("/usr/bin/wrk", "http://127.0.0.1:1", seconds)
    assert command[command.index("-d") + 1] == asked and command[-1] == "http://127.0.0.1:1"
    assert Path(command[command.index("-s") + 1]).is_file()
