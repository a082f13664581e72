"""Lines of an upload, whatever the blocks cut: one entry a line, in order, in constant memory."""

from __future__ import annotations

import io
import json

import pytest

from gateway.http.problem import Fault, Problem
from gateway.recipients import lines as reader
from gateway.recipients.lines import MAX_LINE, read_recipients
from gateway.screening.screening import AT_ONCE

LONG = "x" * (MAX_LINE + 1)
LINES = [
    (b'{"to": "+1"}', "+1"),
    (b"", ""),
    (b" \t\r", ""),
    (b'{"to": "+2"}\r', "+2"),
    (b"\xff", "bad_json"),
    (b'{"to": "\\ud800"}', "\0"),
    (b'{"to": "+3"}{"to": "+4"}', "bad_json"),
    (b"[]", "wrong_type"),
    (json.dumps({"to": LONG}).encode(), "line_too_long"),
    (b'{"to": "+5", "variables": {"a": "b"}}', "+5"),
    (b'{"to": "+6", "variables": {"a": 1}}', "wrong_type"),
    (b'{"callback_url": 1}', "unsupported"),
    (b'{"to": "' + b"7" * (MAX_LINE - 10) + b'"}', "7" * (MAX_LINE - 10)),
    (b'{"to": "+8"}', "+8"),
]


def seen(data: bytes) -> list[str]:
    return [
        entry.code if isinstance(entry, Fault) else entry.to
        for entries in read_recipients(io.BytesIO(data))
        for entry in entries
    ]


@pytest.mark.parametrize("block", [1, 7, 100, MAX_LINE, MAX_LINE + 5, 1 << 20])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_an_entry_a_line(monkeypatch: pytest.MonkeyPatch, block: int, end: bytes) -> None:
    monkeypatch.setattr(reader, "BLOCK", block)
    lines = LINES if block > 1 else [row for row in LINES if len(row[0]) < 100]
    assert seen(b"\n".join(line for line, _ in lines) + end) == [verdict for _, verdict in lines if verdict]


@pytest.mark.parametrize(
    "data",
    [
        b'\n{"to": "+1"}{"to": "+2"}',
        b'{"to":\n"+1"}{"to": "+2"}',
        b'{"to": "+1"} {"to": "+2"}\n\t',
        b'\r\n{"to": "+1"} {"to": "+2"}',
        b'{"to": "+1"}\n \n{"to": "+2"}{"to": "+3"}',
    ],
)
def test_as_many_objects_as_lines_are_not_one_on_each(data: bytes) -> None:
    alone = [verdict for line in data.split(b"\n") for verdict in seen(line)]
    assert seen(data) == seen(data + b"\n") == alone and "bad_json" in alone


@pytest.mark.parametrize("data", [b"", b"\n", b"\n\n", b"\r\n \n\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_nothing_is_no_line(data: bytes) -> None:
    assert seen(data) == []


def test_blank_lines_have_no_number_as_in_a_table() -> None:
    assert seen(b'\n{"to": "+1"}\n\n\r\nx\n \n{"to": "+2"}\n\n') == ["+1", "bad_json", "+2"]


@pytest.mark.parametrize("block", [1, 2, 100])
def test_a_byte_order_mark_is_passed_over(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(reader, "BLOCK", block)
    assert seen(b'\xef\xbb\xbf{"to": "+1"}\n{"to": "+2"}') == ["+1", "+2"]
    assert seen(b'{"to": "+1"}\n\xef\xbb\xbf{"to": "+2"}') == ["+1", "bad_json"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_named(encoding: str) -> None:
    with pytest.raises(Problem, match=encoding[:6].upper()) as refused:
        read_recipients(io.BytesIO('{"to": "+1"}\n'.encode(encoding)))
    assert (refused.value.status, refused.value.code) == (400, "bad_utf8")


def test_others_have_their_turn_after_few_entries() -> None:
    blocks = list(read_recipients(io.BytesIO(b"x\n" * 1000)))
    assert max(map(len, blocks)) == AT_ONCE and sum(map(len, blocks)) == 1000
    for nothing in (b"\n", b"x"):
        assert len(list(read_recipients(io.BytesIO(nothing * 1_000_000)))) > 100


def test_one_endless_line() -> None:
    assert seen(b"x" * (20 * MAX_LINE)) == ["line_too_long"]


def test_a_field_that_nobody_knows_is_not_named() -> None:
    line = b'{"to": "+4915112345678", "+4915187654321": "x"}'
    (fault,) = [entry for block in read_recipients(io.BytesIO(line)) for entry in block if isinstance(entry, Fault)]
    assert (fault.pointer, fault.code) == ("", "unknown_field") and "87654321" not in fault.detail
