"""Lines read as columns say what they say read one by one, or are not read as columns."""

from __future__ import annotations

import io
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http.fields import MAX_REF
from gateway.recipients import lines as reader
from gateway.recipients.line_layout import layout_of
from gateway.recipients.lines import LineDecoder, read_recipients
from gateway.screening.screening import AT_ONCE
from gateway.screening.types import Recipient, RecipientColumns

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["", "Zoë", "\\", '"', "\x7f", "\x1f", "😀", "€", "0"]
)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : ")])
WHOLE = '{"to": "+1", "variables": {"a": "b"}, "client_ref": "c"}'


@st.composite
def written_alike(draw: st.DrawFn) -> list[bytes]:
    """Lines of one program: the same keys in the same order, with the same blanks."""
    names = draw(st.lists(st.sampled_from(["a", "b", "to", "é"]), unique=True, max_size=3))
    with_ref, first, ascii_only = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    separators, end = draw(SEPARATORS), draw(st.sampled_from(["", "\r", " "]))
    lines = []
    for _ in range(draw(st.integers(1, 8))):
        line: dict[str, object] = {"client_ref": draw(TEXTS)} if with_ref and first else {}
        line |= {"to": draw(TEXTS), "variables": {name: draw(TEXTS) for name in names}}
        line |= {"client_ref": draw(TEXTS)} if with_ref and not first else {}
        lines.append((json.dumps(line, separators=separators, ensure_ascii=ascii_only) + end).encode())
    return lines


ODD = st.sampled_from(
    [
        b"",
        b"x",
        b"[]",
        b'{"to":"+1"}',
        b'{"to":"+1"}{"to":"+2"}',
        b"\xff",
        b'{"to":"\xff"}',
        b'{"to":"\xed\xa0\x80"}',
        b'"to"',
        b"{}",
    ]
)


@settings(deadline=None)
@given(st.lists(written_alike() | st.lists(ODD, max_size=2), min_size=1, max_size=6))
def test_columns_say_what_lines_say(groups: list[list[bytes]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "QUICK", True)
        decoder = LineDecoder()
    for lines in filter(None, groups):
        block = b"\n".join(lines)
        alone = [entry for line in lines for entry in reader._decode(line)]
        assert list(decoder.decode(block)) == alone
        assert list(decoder.decode(block)) == alone


@pytest.mark.parametrize(
    "line",
    [
        WHOLE,
        WHOLE.replace(" ", ""),
        '{"client_ref":"c","variables":{"to":"b","client_ref":"d"},"to":"+1"}',
        '{"to":"+1"}',
        '{"to":"+1","variables":{}}',
        '{"to":"+1","client_ref":null}\r',
    ],
)
def test_lines_as_programs_write_them_are_columns(line: str) -> None:
    layout, lines = layout_of(line.encode()), "\n".join([line, line.replace("+1", "ü").replace('"b"', '""')]).encode()
    read = layout.read(lines) if layout else None
    assert read is not None and list(read) == [msgspec.json.decode(one, type=Recipient) for one in lines.splitlines()]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"x",
        b'{"to":"+1","to":"+2"}',
        b'{"to":"+1","variables":{"a":"b","a":"c"}}',
        b'{"to":"+1","variables":{"a":1}}',
        b'{"to":1,"client_ref":"+1"}',
        b'{"to":"+1","name":"x"}',
        b'{"to":"\\u0041"}',
        b'{"to":"a\x01b","client_ref":"c"}',
        b'{"to":"+1","client_ref":"c" "d"}',
        b'{"to":"+1","variables":{"\xff":"c"}}',
        b'{"variables":{"a":"+1"}}',
    ],
)
def test_what_cannot_be_relied_on_is_no_layout(line: bytes) -> None:
    assert layout_of(line) is None


@pytest.mark.parametrize(
    "line",
    [
        WHOLE.replace('"b"', '"\\n"'),
        WHOLE.replace('"b"', '"\t"'),
        WHOLE.replace('"c"', '""'),
        WHOLE.replace('"c"', f'"{"c" * (MAX_REF + 1)}"'),
        WHOLE.replace('"c"', "null"),
        WHOLE.replace('"a"', '"A"'),
        WHOLE + WHOLE,
        WHOLE + " ",
        WHOLE[:-1],
        "",
    ],
)
def test_one_line_that_is_written_differently_is_enough(line: str) -> None:
    layout = layout_of(WHOLE.encode())
    assert layout is not None and layout.read(WHOLE.encode()) is not None
    for lines in ([WHOLE, line], [line, WHOLE]):
        assert layout.read("\n".join(lines).encode()) is None


def test_a_layout_is_looked_for_again_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "QUICK", True)
    decoder, whole, other = LineDecoder(), WHOLE.encode(), WHOLE.replace(" ", "").encode()
    forms = [type(decoder.decode(line)) for line in (whole, whole, other, other, b"x", b"x", b"x", b"x", other, other)]
    assert forms == [list, RecipientColumns, list, RecipientColumns, *[list] * 6]


def test_a_block_of_columns_gives_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "QUICK", True)
    blocks = list(read_recipients(io.BytesIO(b'{"to":"+1"}\n' * 5000)))
    assert {type(block) for block in blocks[10:]} == {RecipientColumns} and sum(map(len, blocks)) == 5000
    assert max(map(len, blocks)) == AT_ONCE
