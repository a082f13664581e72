"""Rows of an upload: RFC 4180 as others write it, a verdict for every row that is wrong, a refusal for a bad header."""

from __future__ import annotations

import csv
import io
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.problem import Fault, Problem
from gateway.recipients import row_lines
from gateway.recipients.row_lines import MAX_LINE_BYTES, MAX_LINES, MAX_ROW
from gateway.recipients.rows import TURN, read_rows
from gateway.screening.screening import AT_ONCE
from gateway.screening.types import Recipient

LONG = b"x" * (MAX_ROW + 1)
PLUS = b"+4915112345678"
NUMBER = PLUS.decode()
BOM = b"\xef\xbb\xbf"


def entries(data: bytes) -> list[Recipient | Fault]:
    return [entry for block in read_rows(io.BytesIO(data)) for entry in block]


def seen(data: bytes) -> list[object]:
    """A code for a fault; number, reference and values otherwise."""
    return [
        entry.code if isinstance(entry, Fault) else (entry.to, entry.client_ref, entry.variables) for entry in entries(data)
    ]


def plain(number: str, **variables: str) -> tuple[str, None, dict[str, str]]:
    return number, None, variables


GOOD: tuple[tuple[str, bytes, list[object]], ...] = (
    ("only numbers", b"to\n+1\n+2\n", [plain("+1"), plain("+2")]),
    ("a header alone", b"to,name\n", []),
    ("a header without its end", b"to", []),
    ("no last newline", b"to\n+1", [plain("+1")]),
    ("CRLF", b"to,a\r\n+1,x\r\n+2,y\r\n", [plain("+1", a="x"), plain("+2", a="y")]),
    ("CRLF, none at the end", b"to,a\r\n+1,x", [plain("+1", a="x")]),
    ("a byte order mark", BOM + b"to,a\n+1,x\n", [plain("+1", a="x")]),
    ("a mark before a quoted name", BOM + b'"to"\n+1\n', [plain("+1")]),
    ("a mark inside is text", b"to,a\n+1," + BOM + b"\n", [plain("+1", a="\ufeff")]),
    ("columns in any order", b"b,client_ref,to,a\n2,r,+1,1\n", [("+1", "r", {"b": "2", "a": "1"})]),
    ("no reference", b"client_ref,to\n,+1\n", [("+1", None, {})]),
    ("an empty value", b"to,a,b\n+1,,\n", [plain("+1", a="", b="")]),
    ("an empty number is for others to judge", b"to,a\n,x\n", [plain("", a="x")]),
    ("quoted", b'to,a\n"+1","x, ""y"""\n', [plain("+1", a='x, "y"')]),
    ("quoted newlines", b'to,a\n+1,"x\ny\r\nz"\n+2,w\n', [plain("+1", a="x\ny\r\nz"), plain("+2", a="w")]),
    ("a quoted end of the file", b'to,a\n+1,"x\n"', [plain("+1", a="x\n")]),
    ("spaces are text", b"to,a\n +1 , x \n", [plain(" +1 ", a=" x ")]),
    ("a mark amid a bare field is text", b'to,a\n+1,5" pipe\n+2,y\n', [plain("+1", a='5" pipe'), plain("+2", a="y")]),
    ("empty lines are no rows", b"to,a\n\n+1,x\r\n\r\n\n+2,y\n\n", [plain("+1", a="x"), plain("+2", a="y")]),
    (
        "other ends of lines are text",
        "to,a\n+1,x\x0b\x0c\x1c\x85\u2028y\n".encode(),
        [plain("+1", a="x\x0b\x0c\x1c\x85\u2028y")],
    ),
    ("NUL is for others to judge", b"to,a\n+1,\0\n", [plain("+1", a="\0")]),
    (
        "a text of several lines",
        b'to,a\n+1,"Dear Ann,\ncall +49 30 123456, or 0151 1234567\n12345 Berlin"\n',
        [plain("+1", a="Dear Ann,\ncall +49 30 123456, or 0151 1234567\n12345 Berlin")],
    ),
    ("as many lines as may be", b'to,a\n+1,"' + b"x\n" * (MAX_LINES - 1) + b'"\n', [plain("+1", a="x\n" * (MAX_LINES - 1))]),
    ("letters", "to,name\n+1,Zoë 👋\n".encode(), [plain("+1", name="Zoë 👋")]),
    ("as long as may be", b"to,a\n+1," + LONG[:-5] + b"\n", [plain("+1", a=LONG[:-5].decode())]),
)

BAD: tuple[tuple[str, bytes, list[object]], ...] = (
    ("too few", b"to,a\n+1\n+2,x\n", ["field_count", plain("+2", a="x")]),
    ("too many", b"to,a\n+1,x,y\n+2,x\n", ["field_count", plain("+2", a="x")]),
    (
        "a long reference",
        b"to,client_ref\n+1," + b"r" * 256 + b"\n+2," + b"r" * 255,
        ["out_of_range", ("+2", "r" * 255, {})],
    ),
    ("text behind a quotation", b'to,a\n+1,"x"y\n+2,x\n', ["bad_csv", plain("+2", a="x")]),
    ("a quotation never closed", b'to,a\n+1,x\n+2,"x\n+3,x\n', [plain("+1", a="x"), "bad_csv", plain("+3", a="x")]),
    ("one in the last line", b'to,a\n+1,x\n+2,"x', [plain("+1", a="x"), "bad_csv"]),
    ("one that the next closes", b'to,a\n+1,"x\n+2,"y"\n+3,z\n', ["bad_csv", plain("+2", a="y"), plain("+3", a="z")]),
    ("two never closed", b'to,a\n+1,"x\n+2,"y\n+3,z\n', ["bad_csv", "bad_csv", plain("+3", a="z")]),
    (
        "one that takes a row along",
        b"to,a\n" + PLUS + b',"x\n' + PLUS + b',y"\n+3,z\n',
        ["bad_csv", plain(NUMBER, a='y"'), plain("+3", a="z")],
    ),
    (
        "one that takes many along",
        b"to,a\n" + PLUS + b',"x\n' + (PLUS + b",y\n") * 3 + b'+3,"\n+4,z\n',
        ["bad_csv", *[plain(NUMBER, a="y")] * 3, "bad_csv", plain("+4", a="z")],
    ),
    (
        "one before the number",
        b'a,to\n"Ann,' + PLUS + b'\n"",' + PLUS + b'\nBo",' + PLUS + b"\n",
        ["bad_csv", plain(NUMBER, a=""), plain(NUMBER, a='Bo"')],
    ),
    ("numbers with separators", b'to,a\n+1,"x\n0049 (151) 12-345,y"\n', ["bad_csv", plain("0049 (151) 12-345", a='y"')]),
    ("numbers without a plus", b'to,a\n+1,"x\n01511234567,y"\n', ["bad_csv", plain("01511234567", a='y"')]),
    ("a reference that takes a row along", b'to,client_ref\n+1,"x\n' + PLUS + b',y"\n', ["bad_csv", (NUMBER, 'y"', {})]),
    (
        "more lines than a row may have",
        b'to,a\n+1,"' + b"x\n" * MAX_LINES + b'"\n+2,x\n',
        ["row_too_long", *["field_count"] * (MAX_LINES - 1), "bad_csv", plain("+2", a="x")],
    ),
    ("a bare CR", b"to,a\n+1,x\ry\n+2,x\n", ["bad_csv", plain("+2", a="x")]),
    ("not UTF-8", b"to,a\n+1,\xff\n+2,x\n", ["bad_utf8", plain("+2", a="x")]),
    ("half a surrogate pair", b"to,a\n+1,\xed\xa0\x80\n+2,x\n", ["bad_utf8", plain("+2", a="x")]),
    ("a long line", b"to,a\n+1," + LONG + b"\n+2,x\n", ["row_too_long", plain("+2", a="x")]),
    ("a long last line", b"to,a\n+1,x\n+2," + LONG, [plain("+1", a="x"), "row_too_long"]),
    ("one character too long", b"to,a\n+1," + LONG[:-4] + b"\n+2,x\n", ["row_too_long", plain("+2", a="x")]),
    ("a very long line", b"to,a\n+1," + LONG * 9 + b"\n+2,x\n", ["row_too_long", plain("+2", a="x")]),
    (
        "a very long quoted line",
        b'to,a\n+1,"' + LONG * 9 + b'\n+9,x"\n+2,x\n',
        ["row_too_long", plain("+9", a='x"'), plain("+2", a="x")],
    ),
    ("a very long last line", b'to,a\n+1,"' + b'"' * MAX_LINE_BYTES * 3, ["row_too_long"]),
    (
        "many quoted lines",
        b'to,a\n+1,"' + b"+9,x\n" * 20_000 + b'"\n+2,x\n',
        ["row_too_long", *[plain("+9", a="x")] * 19_999, "bad_csv", plain("+2", a="x")],
    ),
    (
        "many fields in many lines",
        b"to,a\n+1" + b',"\n"' * 2000 + b"\n+2,x\n",
        ["row_too_long", *["field_count"] * 1999, "bad_csv", plain("+2", a="x")],
    ),
    (
        "a quotation never closed in a long file",
        b'to,a\n+1,"' + b"+9,x\n" * 110_000,
        ["row_too_long", *[plain("+9", a="x")] * 109_999],
    ),
    ("two long rows", b"to,a\n" + (b"+1," + LONG + b"\n") * 2 + b"+2,x\n", ["row_too_long"] * 2 + [plain("+2", a="x")]),
    (
        "everything at once",
        b'to,a\n\n+1\n"a"b\n+1,\xff\n+1,"' + LONG + b'\n"\n+2,x',
        ["field_count", "bad_csv", "bad_utf8", "row_too_long", "bad_csv", plain("+2", a="x")],
    ),
)


CASES = [
    pytest.param(data, expected, block, id=f"{name}-{block}")
    for name, data, expected in GOOD + BAD
    for block in ((1, 3, 100, 65_537, 1 << 18) if len(data) < 1000 else (50_000, 65_537, 1 << 18))
]
"""A long file crosses the end of the largest block twice."""


@pytest.mark.parametrize(("data", "expected", "block"), CASES)
def test_an_entry_a_row(monkeypatch: pytest.MonkeyPatch, data: bytes, expected: list[object], block: int) -> None:
    monkeypatch.setattr(row_lines, "BLOCK", block)
    assert seen(data) == expected


HEADERS: tuple[tuple[str, bytes, list[tuple[str, str]]], ...] = (
    ("nothing", b"", [("/header", "missing_header")]),
    ("only a mark", BOM, [("/header", "missing_header")]),
    ("an empty line", b"\n+1\n", [("/header", "missing_header")]),
    ("no column `to`", b"name\nx\n", [("/header", "missing_column")]),
    ("no header at all", b"+4915112345678\n", [("/header/0", "bad_column"), ("/header", "missing_column")]),
    ("another case", b"To\n+1\n", [("/header", "missing_column")]),
    ("a space", b"to, a\n+1,x\n", [("/header/1", "bad_column")]),
    ("semicolons", b"to;a\n+1;x\n", [("/header", "wrong_separator")]),
    ("semicolons and quotation marks", b'"name";"to"\r\n"x";"+1"\r\n', [("/header", "wrong_separator")]),
    ("tabs", b"To\ta\n+1\tx\n", [("/header", "wrong_separator")]),
    ("bars", b"a|to\nx|+1\n", [("/header", "wrong_separator")]),
    ("a semicolon in a name", b"a;b,c\n+1,x\n", [("/header/0", "bad_column"), ("/header", "missing_column")]),
    ("an umlaut", "to,größe\n+1,x\n".encode(), [("/header/1", "bad_column")]),
    ("a digit first", b"to,1a\n+1,x\n", [("/header/1", "bad_column")]),
    ("two of a name", b"to,a,b,a,to\n", [("/header/3", "duplicate_column"), ("/header/4", "duplicate_column")]),
    ("no name", b"to,,a,\n", [("/header/1", "empty_column"), ("/header/3", "empty_column")]),
    ("not UTF-8", b"to,\xe4\n", [("/header", "bad_utf8")]),
    ("UTF-16", "to,a\n+1,x\n".encode("utf-16"), [("/header", "bad_utf8")]),
    ("an open quotation", b'to,"a\n+1,x\n', [("/header", "bad_csv")]),
    ("CR alone", b"to,a\r+1,x\r", [("/header", "bad_csv")]),
    ("too long", b"to,a" + LONG + b"\n+1,x\n", [("/header", "row_too_long")]),
    ("endless", b"to" * MAX_LINE_BYTES * 2, [("/header", "row_too_long")]),
)


@pytest.mark.parametrize(("data", "faults"), [row[1:] for row in HEADERS], ids=[row[0] for row in HEADERS])
def test_a_header_that_cannot_be_used(data: bytes, faults: list[tuple[str, str]]) -> None:
    with pytest.raises(Problem) as refused:
        read_rows(io.BytesIO(data))
    assert refused.value.status == 422
    assert [(fault.pointer, fault.code) for fault in refused.value.errors] == faults


def test_utf_16_is_named() -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        with pytest.raises(Problem) as refused:
            read_rows(io.BytesIO("to,a\n+1,x\n".encode(encoding)))
        assert "UTF-16" in refused.value.detail and refused.value.status == 422


@pytest.mark.parametrize("data", [b"to\n" + b"\n" * 500_000, b"to\n" + b"x" * 5_000_000, b"to\n+1," + b" " * 60_000 + b"\n"])
def test_others_have_their_turn_without_any_row(data: bytes) -> None:
    assert len(list(read_rows(io.BytesIO(data)))) >= len(data) // (2 * TURN)


def test_a_run_of_spaces_is_looked_at_once() -> None:
    spaces = " " * 65_000
    assert seen(b'to,a\n+1,"x\n,+4915112' + spaces.encode() + b'x"\n')[0] == ("+1", None, {"a": f"x\n,+4915112{spaces}x"})


def test_blocks_are_of_a_bounded_size() -> None:
    sizes = [len(block) for block in read_rows(io.BytesIO(b"to\n" + b"+1\n" * 5000))]
    assert sum(sizes) == 5000 and max(sizes) == AT_ONCE


names = st.lists(
    st.text(string.ascii_letters + "_", min_size=1, max_size=4).filter(lambda name: name not in ("to", "client_ref")),
    max_size=4,
    unique=True,
)
# Neither can a field hold half a surrogate pair, nor is there a difference between an empty line and no line.
fields = st.text(st.characters(codec="utf-8") | st.sampled_from("\",\n\r'; x"), max_size=12)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    header = draw(names.flatmap(lambda given: st.permutations([*given, "to", "client_ref"])))
    return header, draw(st.lists(st.lists(fields, min_size=len(header), max_size=len(header)), max_size=8))


@given(
    tables(),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.booleans(),
    st.booleans(),
    st.integers(1, 40),
)
def test_what_others_write_is_read(
    table: tuple[list[str], list[list[str]]], end: str, quoting: int, marked: bool, ended: bool, block: int
) -> None:
    header, rows = table
    if end == "\n" and "\r" in "".join(map("".join, rows)):
        quoting = csv.QUOTE_ALL  # Trap: Python 3.11 leaves a carriage return bare when lines end in LF alone.
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([header, *rows])
    text = out.getvalue() if ended else out.getvalue().removesuffix(end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_lines, "BLOCK", block)
        found = entries((BOM if marked else b"") + text.encode())
    expected = [dict(zip(header, row, strict=True)) for row in rows]
    assert found == [
        Recipient(to=cells.pop("to"), client_ref=cells.pop("client_ref") or None, variables=cells) for cells in expected
    ]


def test_the_likely_cause_is_named() -> None:
    with pytest.raises(Problem) as refused:
        read_rows(io.BytesIO(b"to;name\n+4915112345678;Ann\n"))
    assert "the file seems to be separated by ';'; save it with commas" in str(refused.value.errors)
