"""A body read in pieces says what the same body says when it is read at once."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from gateway.campaigns import incremental
from gateway.campaigns.incremental import read_campaign
from gateway.campaigns.types import MAX_INLINE, CampaignRequest
from gateway.http import body
from gateway.http.body import decode_json
from gateway.http.problem import Problem

DECODER = msgspec.json.Decoder(CampaignRequest)
HEAD: dict[str, Any] = {"name": 'a "[{', "from": "Shop", "body": "Hi {{a}} \\"}


def recipients(count: int) -> list[dict[str, Any]]:
    return [
        {"to": f"+49151{n:08d}", "variables": {"a": ['},{"to":', "\\", '"', "Ж", "]}", ""][n % 6] * (n % 4)}}
        for n in range(count)
    ]


def read(data: bytes) -> CampaignRequest:
    steps = read_campaign(data)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def refusal(data: bytes) -> tuple[int, str, str]:
    with pytest.raises(Problem) as caught:
        read(data)
    fault = caught.value
    return fault.status, fault.code, fault.errors[0].pointer if fault.errors else ""


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incremental, "PIECE", 200)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
@pytest.mark.parametrize("last", [True, False])
def test_the_same_as_at_once(indent: int | None, plain: bool, count: int, last: bool) -> None:
    some = {"recipients": recipients(count)}
    record = {**HEAD, **some} if last else {**some, **HEAD}
    data = json.dumps(record, indent=indent, ensure_ascii=plain).encode()
    assert read(data + b" " * 300) == decode_json(data, DECODER)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"to": 1}, (422, "wrong_type", "/recipients/50/to")),
        ({}, (422, "missing_field", "/recipients/50/to")),
        ({"to": "1", "x": 1}, (422, "unknown_field", "/recipients/50/x")),
        ({"to": "1", "client_ref": ""}, (422, "out_of_range", "/recipients/50/client_ref")),
        ([], (422, "wrong_type", "/recipients/50")),
        ({"to": "1", "variables": {"a": "x" * 200}}, (422, "recipient_too_long", "/recipients/50")),
    ],
)
def test_a_fault_has_its_place_in_the_whole(change: Any, expected: tuple[int, str, str]) -> None:
    some = recipients(100)
    some[50] = change
    assert refusal(json.dumps(HEAD | {"recipients": some}).encode()) == expected


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"}}, {", b"}}{", "bad_json"),
        (b"}}, {", b"}},, {", "bad_json"),
        (b"}}]", b"}},]", "bad_json"),
        (b"}}]}", b"}}", "bad_json"),
        (b"}}]}", b"}}]", "bad_json"),
        (b"}}]}", b'}}], "recipients": [{"to": "1"}]}', "bad_json"),
        (b'"name"', b'"nome"', "unknown_field"),
        (b'"recipients": [', b'"recipients": [[[', "wrong_type"),
        (b'"recipients": [', b'"recipients": [' + b"[" * 40, "too_deep"),
    ],
)
def test_what_is_no_campaign(old: bytes, new: bytes, code: str) -> None:
    data = json.dumps(HEAD | {"recipients": recipients(100)}).encode()
    head, tail = data.rsplit(old, 1)
    assert refusal(head + new + tail)[1] == code


@pytest.mark.usefixtures("short")
def test_half_a_pair_in_a_piece_is_found_where_it_stands() -> None:
    data = json.dumps(HEAD | {"recipients": [*recipients(50), {"to": "\ud800"}]}).encode()
    assert read(data).recipients[50].to == "\0"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"[" * 8_000_000, (413, "too_large", "")),
        (b'{"recipients":' + b"[" * 8_000_000, (400, "too_deep", "")),
        (b'{"recipients":[' + b"[]," * 2_000_000, (422, "too_many_recipients", "/recipients")),
        (b'{"recipients":[' + b"{}," * 2_000_000, (422, "too_many_recipients", "/recipients")),
        (b'{"recipients":[' + b'"",' * 2_000_000, (422, "wrong_type", "/recipients/0")),
        (b'{"recipients":["' + b'\\"' * 4_000_000, (422, "recipient_too_long", "/recipients/0")),
        (b'{"name":"' + b"\\ud800" * 1_000_000 + b'"}', (413, "too_large", "")),
        (b'{"recipients":[{"to":"1","variables":{' + b'"a":"",' * 1_000_000, (422, "recipient_too_long", "/recipients/0")),
        (b'{"x":' + b'"' * 3_000_000, (413, "too_large", "")),
    ],
)
def test_a_long_body_is_refused_before_all_of_it_is_looked_at(data: bytes, expected: tuple[int, str, str]) -> None:
    assert refusal(data) == expected


def test_no_step_decodes_more_than_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    def note(data: bytes, decoder: Any) -> Any:
        decoded.append(len(data))
        return body.decode_record(data, decoder)

    monkeypatch.setattr(incremental, "decode_record", note)
    data = json.dumps(HEAD | {"recipients": recipients(MAX_INLINE)}).encode()
    assert len(read(data).recipients) == MAX_INLINE
    assert max(decoded) <= incremental.PIECE + 1 and sum(decoded) > len(data) - 1000
