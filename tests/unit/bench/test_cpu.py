"""CPU and memory of this very process, read as a measurement reads those of a stack."""

from __future__ import annotations

import os

from infra.bench.cpu import between, children, cpu_seconds, own, proportional_octets, resident_octets


def test_this_process() -> None:
    me = os.getpid()
    before = cpu_seconds({"me": me})
    while cpu_seconds({"me": me})["me"] < before["me"] + 0.05:
        sum(range(10_000))
    assert between(before, cpu_seconds({"me": me}))["me"] > 0.04
    assert me in children(os.getppid()) and own(me).name and own(me).parent == os.getppid()
    assert resident_octets({"me": me})["me"] > 1 << 20 and proportional_octets({"me": me})["me"] > 1 << 20


def test_a_process_that_has_gone_is_nothing() -> None:
    gone = {"gone": 2**22 + 1, "never": None}
    assert cpu_seconds(gone) == {"gone": 0.0, "never": 0.0} and proportional_octets(gone) == {"gone": 0, "never": 0}
    assert own(2**22 + 1).seconds == 0.0
