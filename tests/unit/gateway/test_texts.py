"""Odd Unicode, by whatever way it comes: the same verdict at the same place, and never a surprise."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.campaigns.types import CampaignRequest
from gateway.carrier_routes import Routes
from gateway.http.body import decode_json, decode_record
from gateway.http.problem import Fault, Problem
from gateway.messages.singles import check_message
from gateway.messages.types import MessageRequest
from gateway.recipients.lines import Entries, read_recipients
from gateway.recipients.rows import read_rows
from gateway.screening.screening import Screening
from gateway.screening.types import Rejection

TO = "+4915112345678"
ROUTES = Routes([("+49", ["near"], 700)])
HALVES = re.compile("[\ud800-\udfff]")
PIECES = (
    "a",
    "\0",
    "\ud800",
    "\udbff",
    "\udc00",
    "\udfff",
    "\U0001f600",
    "\\",
    "\\u",
    "\\ud800",
    "u",
    "d83d",
    '"',
    "é",
    "\x01",
    "\x7f",
    "\u2028",
    "\ufeff",
    "\uffff",
    "\u202e",
    "{{",
    "}}",
    "{{b}}",
    "%s",
    ",",
    "\n",
    "\r",
)
ODD = st.one_of(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join),
    st.text(st.characters(codec=None, categories=["Cs", "Cc", "Co", "Cn", "Lo", "So"]), min_size=1, max_size=8),
)
ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


@given(ODD, st.booleans())
@example("\\\ud800", True)
@example("\\ud800\udc00", True)
@example("\ud800\ud800\udc00\udc00", True)
def test_half_pairs_are_read_as_nul_and_nothing_else_changes(odd: str, ascii_only: bool) -> None:
    if not ascii_only and HALVES.search(odd):
        return
    data = json.dumps({odd: [odd, "plain", odd]}, ensure_ascii=ascii_only).encode()
    expected = HALVES.sub("\0", json.loads(data.replace(b"\\\\", b"\\u005c")).popitem()[0])
    assert decode_record(data, ANY) == {expected: [expected, "plain", expected]}


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": "\\ud800"',
        b'"\\ud800\\x"',
        b'"\\ud800" 1',
        b'"\\ud8"',
        b'"\x01\\ud800"',
        b'"\\\\\\ud8zz"',
        b"\\ud800",
        b'"\xed\xa0\x80"',
        b'"\\ud800\xff"',
    ],
)
def test_what_is_not_json_stays_so(data: bytes) -> None:
    with pytest.raises(Problem) as refused:
        decode_json(data, ANY)
    assert refused.value.status == 400


def verdict(recipients: Entries, body: str) -> tuple[str, str] | None:
    """Pointer and code of the one recipient's refusal."""
    kept: list[int] = []
    refused: list[Rejection] = []
    Screening(body, False, ROUTES, lambda _buckets, rows: kept.extend(rows.numbers), refused.append).screen(0, recipients)
    assert len(kept) + len(refused) == 1
    return (refused[0].pointer, refused[0].code) if refused else None


def single(recipient: dict[str, Any], body: str) -> tuple[str, str] | None:
    """The same of a single message."""
    data = json.dumps({"from": "Shop", "body": body} | recipient).encode()
    try:
        check_message(decode_json(data, msgspec.json.Decoder(MessageRequest)), ROUTES, 0)
    except Problem as problem:
        assert problem.status == 422
        return problem.errors[0].pointer, problem.errors[0].code
    return None


def in_many(recipient: dict[str, Any], body: str) -> tuple[str, str] | None:
    """The same among the recipients of a campaign."""
    data = json.dumps({"name": "n", "from": "Shop", "body": body, "recipients": [recipient]}).encode()
    return verdict(list(decode_json(data, msgspec.json.Decoder(CampaignRequest)).recipients), body)


def on_a_line(recipient: dict[str, Any], body: str) -> tuple[str, str] | None:
    """The same of a line of an upload."""
    return verdict(
        [entry for entries in read_recipients(io.BytesIO(json.dumps(recipient).encode())) for entry in entries], body
    )


def in_a_row(recipient: dict[str, Any], body: str) -> tuple[str, str] | None:
    """The same of a row of a table."""
    table = io.StringIO(newline="")
    writer = csv.writer(table, quoting=csv.QUOTE_ALL)
    writer.writerow(["to", "client_ref", *recipient["variables"]])
    writer.writerow([recipient["to"], recipient["client_ref"], *recipient["variables"].values()])
    return verdict([entry for entries in read_rows(io.BytesIO(table.getvalue().encode())) for entry in entries], body)


@given(st.sampled_from(["to", "client_ref", "used", "unused"]), ODD)
@example("used", "\ud800")
@example("unused", "\0\udfff")
@example("client_ref", "\0")
def test_one_rule_by_every_way(place: str, odd: str) -> None:
    body = "Hi {{used}}"
    recipient: dict[str, Any] = {"to": TO, "client_ref": "r", "variables": {"used": "v", "unused": "v"}}
    (recipient if place in recipient else recipient["variables"])[place] = odd
    cannot_be = "\0" in odd or HALVES.search(json.loads(json.dumps(odd))) is not None
    found = in_many(recipient, body)
    if place == "to":
        assert found is not None and found[0] == "/to"
    elif cannot_be and place != "unused":
        assert found == (f"/variables/{place}" if place == "used" else "/client_ref", "bad_text")
    else:
        assert found is None
    assert single(recipient, body) == found and on_a_line(recipient, body) == found
    if not HALVES.search(odd):
        assert in_a_row(recipient, body) == found


def test_the_names_that_nobody_knows_are_not_repeated() -> None:
    for name in ("\0", "\ud800", "x" * 101, "\u202e", "+4915112345678", "phone"):
        (entries,) = read_recipients(io.BytesIO(json.dumps({"to": TO, name: 1}).encode()))
        assert isinstance(entries[0], Fault)
        assert (entries[0].pointer, entries[0].code) == ("", "unknown_field") and len(entries[0].detail) < 100
        assert name not in entries[0].detail
