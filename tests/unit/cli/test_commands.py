"""The command line: what is listed, forms of output, exit codes, faults with their next step."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException

from infra.bench.load import percentiles
from infra.cli.amounts import amount
from infra.cli.main import explain
from infra.cli.output import Format, as_csv, show_one, show_rows
from infra.cli.send import text_of
from infra.client.api import ApiError, _decoded
from infra.client.campaign_watch import all_final, has_ended
from infra.kafka.topic_admin import TopicError
from infra.postgres.admin_error import AdminStoreError
from infra.postgres.carrier_rows import choose_partition
from infra.runtime.refusal import Refusal
from infra.settings.model import SettingsError
from infra.supervisor.data_folder import DataFolder, own_identity
from infra.supervisor.role_log import last_fault
from infra.supervisor.roles import ROLES, check_script, choose_roles, find_role
from tests.support.command_line import sluice


def test_help_lists_what_is_built() -> None:
    done = sluice("--help")
    assert done.returncode == 0
    for name in ("up", "demo", "ps", "run", "send", "campaign", "carrier", "tenant", "topics", "doctor", "lag", "bench"):
        assert f" {name} " in done.stdout
    for unbuilt in ("replay", "rebuild"):
        assert unbuilt not in done.stdout


@pytest.mark.parametrize(
    ("group", "unbuilt"),
    [
        ("carrier", ("pause", "resume")),
        ("dlq", ("replay", "discard")),
    ],
)
def test_unbuilt_verbs_are_not_listed(group: str, unbuilt: tuple[str, ...]) -> None:
    done = sluice(group, "--help")
    assert done.returncode == 0
    assert not [verb for verb in unbuilt if f" {verb} " in done.stdout]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("nonsense",), 2),
        (("ps", "--nonsense"), 2),
        (("ps", "-o", "xml"), 2),
        (("run", "nonsense"), 1),
        (("run", "streams"), 1),
        (("run", "gateway", "--pool", "otp"), 1),
        (("up", "--roles", ","), 1),
        (("carrier", "set", "a"), 1),
        (("carrier", "set", "a", "--rate", "2147483648"), 2),
        (("carrier", "set", "a", "--receipt-wait", "99999999999"), 2),
        (("carrier", "set", "a", "--sender", "SHOP"), 1),
        (("carrier", "set", "a", "--sender", "SHOP=-1"), 1),
        (("preview", "--from", "Shop", "--body", "Hi"), 1),
        (("preview", "x.csv", "--to", "+4915112345678", "--from", "Shop", "--body", "Hi"), 1),
        (("campaign", "create", "x.csv", "--name", "x", "--from", "Shop", "--body", "Hi"), 1),
        (("campaign", "create", "-", "--name", "x", "--from", "Shop", "--body", "Hi", "--max-rejected", "-1"), 2),
        (("tenant", "create", ""), 1),
        (("tenant", "create", "x" * 101), 1),
        (("tenant", "set", "a", "--senders", "a@b"), 1),
        (("dlq", "show", "\u00b2:1"), 1),
        (("dlq", "show", "x"), 1),
        (("balance", "credit", "--yes", "1.23456"), 1),
    ],
)
def test_exit_codes(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    done = sluice(*arguments, SLUICE_DATA_DIR=str(tmp_path))
    assert done.returncode == code, done.stderr
    assert done.stdout == "" and done.stderr != "" and "Traceback" not in done.stderr


def test_ps_asks_nobody(tmp_path: Path) -> None:
    """The guard of this folder fails what starts a process or a connection."""
    folder = DataFolder(tmp_path)
    folder.create()
    row = {"name": "delay", "role": "delay", "pool": None, "pid": 7, "restarts": 2, "state": "running"}
    folder.write(folder.roles_file, {"supervisor": own_identity(), "roles": [row | {"started_at": 1.0}]})
    folder.write(folder.stack_file, {"gateway": "http://127.0.0.1:1", "kafka": "127.0.0.1:1"})
    done = sluice("ps", "--data", str(tmp_path), "-o", "json")
    assert done.returncode == 0, done.stderr
    [shown] = json.loads(done.stdout)
    assert shown.pop("uptime_seconds") > 0 and shown == row


def test_ps_without_a_stack_says_what_to_do(tmp_path: Path) -> None:
    done = sluice("ps", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "next: start one with `sluice up`" in done.stderr


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (Format.JSON, '[{"a": 1, "b": ["x", "y"]}, {"a": null, "b": []}]\n'),
        (Format.JSONL, '{"a": 1, "b": ["x", "y"]}\n{"a": null, "b": []}\n'),
        (Format.CSV, 'a,b\n1,"x, y"\n,\n'),
        (None, "a  b\n1  x, y\n\n"),
    ],
)
def test_forms_of_rows(capsys: pytest.CaptureFixture[str], form: Format | None, expected: str) -> None:
    show_rows([{"a": 1, "b": ["x", "y"]}, {"a": None, "b": []}], form)
    assert capsys.readouterr().out == expected


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{"some_name": "[bold]x", "ok": True, "at": datetime(2026, 1, 1, tzinfo=UTC)}], Format.TABLE)
    out = capsys.readouterr().out
    assert "some name" in out and "[bold]x" in out and "yes" in out and "2026-01-01T00:00:00Z" in out
    show_rows([], Format.TABLE)
    assert capsys.readouterr() == ("", "nothing to show\n")


def test_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    show_one({"a": 1}, Format.JSON)
    assert json.loads(capsys.readouterr().out) == {"a": 1}
    assert as_csv([]) == ""


def test_roles_are_found_by_name_and_pool() -> None:
    assert find_role("streams-bulk") is find_role("streams", "bulk")
    assert find_role("streams", "bulk").nice == 10
    assert [row.name for row in choose_roles("streams,gateway")] == ["streams-otp", "streams-bulk", "gateway"]
    assert len(choose_roles(None)) == len(ROLES) - 1
    with pytest.raises(Refusal, match="--pool otp or --pool bulk"):
        find_role("dispatch")


@pytest.mark.parametrize(("number", "taken", "partition"), [(1, [], 1), (9, [1], 2), (3, [3, 4], 5), (2, list(range(8)), 2)])
def test_a_new_carrier_takes_a_free_partition(number: int, taken: list[int], partition: int) -> None:
    assert choose_partition(number, taken) == partition


def test_a_carrier_is_applied_from_the_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "sluice.toml"
    file.write_text('[[carriers]]\nid = "simulator"\nkind = "simulator"\nrate = 1\n')
    for name, says in (("acme", "the settings file has no carrier 'acme'"), ("simulator", "'simulator' is the simulator")):
        done = sluice("carrier", "apply", name, "--config", str(file), "--data", str(tmp_path))
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: {says}") and "\nnext: " in done.stderr


def test_the_doctor_names_the_step_that_helps(tmp_path: Path) -> None:
    [folder, *_] = json.loads(sluice("doctor", "--data", str(tmp_path / "none"), "-o", "json").stdout)
    assert (folder["says"], "sluice up" in folder["next_step"]) == ("it does not exist", True)


def test_amounts() -> None:
    assert (amount("1.5"), amount("-2", signed=True)) == (15_000, -20_000)
    with pytest.raises(Refusal):
        amount("-2")


def test_faults_become_sentences() -> None:
    assert explain(Refusal("no", "do")) == ["error: no", "next: do"]
    assert explain(AdminStoreError("there is none")) == ["error: there is none"]
    assert explain(TopicError("Kafka did not do it")) == ["error: Kafka did not do it", "next: see `sluice doctor`"]
    broken = KafkaException(KafkaError(KafkaError._TRANSPORT, "Failed to get metadata"))
    assert explain(broken) == [
        "error: Kafka does not answer: Failed to get metadata",
        "next: start the stack with `sluice up`, or see `sluice doctor`",
    ]
    assert explain(ZeroDivisionError()) is None


def test_answers_of_the_gateway() -> None:
    assert _decoded(202, b'{"id": "x"}') == {"id": "x"}
    assert _decoded(202, b"") == {}
    with pytest.raises(ApiError) as caught:
        _decoded(422, b'{"code": "bad", "detail": "no good", "errors": [{"pointer": "/to", "detail": "is no number"}]}')
    assert caught.value.problem == "422 bad: no good (/to is no number)"
    with pytest.raises(ApiError) as caught:
        _decoded(422, b'{"code": "bad", "detail": "no good", "errors": [{"pointer": "/to", "detail": "no good"}]}')
    assert caught.value.problem == "422 bad: no good (/to)"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--idempotency-key", "\u043a\u043b\u044e\u0447"), "the header Idempotency-Key cannot"),
        (("--idempotency-key", "a\nb"), "the header Idempotency-Key cannot"),
        (("--api-key", "sk_\u043a"), "the header Authorization cannot"),
        (("--gateway", "http://127.0.0.1:99999"), "--gateway: expected a port"),
        (("--gateway", "http://"), "--gateway: expected"),
        (("--gateway", "localhost:8080"), "--gateway: expected"),
    ],
)
def test_what_no_request_can_carry(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = sluice(
        "send",
        "--from",
        "A",
        "--to",
        "+4915112345678",
        "--body",
        "x",
        "--gateway",
        "http://127.0.0.1:9",
        *arguments,
        SLUICE_API_KEY="sk_x",
        SLUICE_DATA_DIR=str(tmp_path),
    )
    assert done.returncode == 1 and says in done.stderr and "Traceback" not in done.stderr


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    done = sluice(
        "message", "show", "\udcff", "--gateway", "http://127.0.0.1:9", SLUICE_API_KEY="sk_x", SLUICE_DATA_DIR=str(tmp_path)
    )
    assert done.returncode == 1 and "no UTF-8" in done.stderr and "next: " in done.stderr


def test_what_make_calls_needs_no_arguments() -> None:
    calls = re.findall(r"sluice (\w+) \$\(ARGS\)", Path("Makefile").read_text(encoding="utf-8"))
    assert set(calls) == {"demo", "up", "bench"}
    for call in calls:
        assert "[required]" not in sluice(call, "--help").stdout


@pytest.mark.parametrize("arguments", [("up",), ("send",), ("dlq", "list"), ("carrier", "set"), ("campaign", "create")])
def test_every_option_says_what_it_is_for(arguments: tuple[str, ...]) -> None:
    done = sluice(*arguments, "--help")
    options = [line.strip("\u2502 ") for line in done.stdout.splitlines() if "--" in line]
    bare = [line for line in options if re.search(r"(>|\[[^]]*x[^]]*\]|--[a-z-]+)$", line)]
    assert options and not bare, bare
    if arguments != ("send",):
        assert "./.sluice" in done.stdout


def test_tables_are_not_broken_away_from_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{"id": "x" * 90, "detail": "y" * 90}], Format.TABLE)
    assert f"{'x' * 90}  {'y' * 90}" in capsys.readouterr().out


def test_the_end_of_a_roles_log(tmp_path: Path) -> None:
    log = tmp_path / "role.log"
    assert last_fault(log) == ""
    log.write_text('{"event": "a"}\n' + json.dumps({"event": "b", "exception": "Traceback:\n  x\nOSError: no\n"}) + "\n")
    assert last_fault(log) == ": OSError: no"
    tree = "Traceback:\n  | ExceptionGroup\n  +-+---- 1 ----\n    | OSError: no room\n    +---------\n"
    log.write_text(json.dumps({"event": "b", "exception": tree}) + "\n")
    assert last_fault(log) == ": OSError: no room"
    log.write_text('{"event": "later"}\n')
    assert last_fault(log) == ""


def test_a_script_that_the_simulator_cannot_follow() -> None:
    check_script({})
    check_script({"throttle_every": 3})
    with pytest.raises(
        SettingsError,
        match=r"simulator\.script: there is no field 'nonsense'; mind its spelling; there are .*throttle_every",
    ):
        check_script({"nonsense": 1})
    with pytest.raises(SettingsError, match=r"simulator\.script: out of range: throttle_every"):
        check_script({"throttle_every": -1})


def test_the_end_of_a_campaign() -> None:
    counts = {"accepted": 3, "sent": 1, "delivered": 2}
    assert not has_ended({"status": "running", "counts": counts})
    assert has_ended({"status": "completed", "counts": counts})
    assert not all_final({"status": "completed", "counts": counts})
    assert all_final({"status": "completed", "counts": counts | {"sent": 0, "delivered": 3}})


def test_percentiles() -> None:
    assert percentiles([value / 1000 for value in range(1, 101)]) == {"p50": 51.0, "p95": 96.0, "p99": 100.0, "max": 100.0}
    assert percentiles([])["p99"] is None


@pytest.mark.parametrize(("given", "text"), [(b"123456\n", "123456"), (b"\xef\xbb\xbfa\nb\r\n", "a\nb"), (b"", "")])
def test_a_text_from_standard_input_is_on_no_command_line(given: bytes, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
    assert text_of("-") == text
    assert text_of("- ") == "- "


def test_a_text_that_is_not_utf_8_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe1\0")))
    with pytest.raises(Refusal, match="UTF-16"):
        text_of("-")
