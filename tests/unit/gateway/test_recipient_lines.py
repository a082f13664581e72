"""Lines of an upload, whatever the blocks cut: one entry a line, in order, in constant memory."""

from __future__ import annotations

import io
import json

import pytest

from gateway import recipient_lines
from gateway.problem import Fault
from gateway.recipient_lines import AT_ONCE, MAX_LINE, read_recipients

LONG = "x" * (MAX_LINE + 1)
LINES = [
    (b'{"to": "+1"}', "+1"), (b"", "bad_json"), (b'{"to": "+2"}\r', "+2"), (b"\xff", "bad_json"),
    (b'{"to": "\\ud800"}', "\0"), (b'{"to": "+3"}{"to": "+4"}', "bad_json"), (b"[]", "wrong_type"),
    (json.dumps({"to": LONG}).encode(), "line_too_long"), (b'{"to": "+5", "variables": {"a": "b"}}', "+5"),
    (b'{"to": "+6", "variables": {"a": 1}}', "wrong_type"), (b'{"send_at": 1}', "unsupported"),
    (b'{"to": "' + b"7" * (MAX_LINE - 10) + b'"}', "7" * (MAX_LINE - 10)), (b'{"to": "+8"}', "+8"),
]


def seen(data: bytes) -> list[str]:
    return [entry.code if isinstance(entry, Fault) else entry.to
            for entries in read_recipients(io.BytesIO(data)) for entry in entries]


@pytest.mark.parametrize("block", [1, 7, 100, MAX_LINE, MAX_LINE + 5, 1 << 20])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_an_entry_a_line(monkeypatch: pytest.MonkeyPatch, block: int, end: bytes) -> None:
    monkeypatch.setattr(recipient_lines, "BLOCK", block)
    lines = LINES if block > 1 else [row for row in LINES if len(row[0]) < 100]
    assert seen(b"\n".join(line for line, _ in lines) + end) == [verdict for _, verdict in lines]


@pytest.mark.parametrize("data", [
    b'\n{"to": "+1"}{"to": "+2"}', b'{"to":\n"+1"}{"to": "+2"}', b'{"to": "+1"} {"to": "+2"}\n\t',
    b'\r\n{"to": "+1"} {"to": "+2"}', b'{"to": "+1"}\n \n{"to": "+2"}{"to": "+3"}'])
def test_as_many_objects_as_lines_are_not_one_on_each(data: bytes) -> None:
    alone = [verdict for line in data.split(b"\n") for verdict in seen(line or b"\n")]
    assert seen(data) == seen(data + b"\n") == alone and "bad_json" in alone


def test_nothing_is_no_line_and_a_newline_is_one() -> None:
    assert (seen(b""), seen(b"\n"), seen(b"\n\n")) == ([], ["bad_json"], ["bad_json", "bad_json"])


def test_others_have_their_turn_after_few_entries() -> None:
    blocks = list(read_recipients(io.BytesIO(b"x\n" * 1000)))
    assert max(map(len, blocks)) == AT_ONCE and sum(map(len, blocks)) == 1000


def test_one_endless_line() -> None:
    assert seen(b"x" * (20 * MAX_LINE)) == ["line_too_long"]


def test_a_field_that_nobody_knows_is_not_named() -> None:
    line = b'{"to": "+4915112345678", "+4915187654321": "x"}'
    (fault,) = [entry for block in read_recipients(io.BytesIO(line)) for entry in block if isinstance(entry, Fault)]
    assert (fault.pointer, fault.code) == ("", "unknown_field") and "87654321" not in fault.detail
