"""The same command below py-spy: without the option that asked for it, else it would go on for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.bench.profile import is_chatter, profile_command, without_profile


@pytest.mark.parametrize("profile", [["--profile", "a.svg"], ["--profile=a.svg"]])
def test_the_option_is_left_out(profile: list[str]) -> None:
    assert without_profile(["--scenario", "single", *profile, "-o", "json"]) == ["--scenario", "single", "-o", "json"]


def test_a_file_of_the_same_name_as_the_option() -> None:
    assert without_profile(["--profile", "--profile", "--keyed"]) == ["--keyed"]


def test_py_spy_starts_the_command() -> None:
    command = profile_command("/bin/py-spy", ["--scenario", "single"], Path("out.svg"))
    assert command[:3] == ("/bin/py-spy", "record", "--subprocesses")
    assert command[command.index("--output") + 1] == "out.svg" and command[-3:] == ("bench", "--scenario", "single")


def test_what_py_spy_says_is_no_part_of_the_figures() -> None:
    lines = ["py-spy> 1.08s behind in sampling\n", "\n", '{"scenario": "single"}\n', "  bulk  25,000\n"]
    assert [is_chatter(line) for line in lines] == [True, True, False, False]
