"""Everything a client can get wrong, as a table: request, status, code, pointer. Nothing of it reaches Kafka."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import ClientSession

from gateway.campaigns.types import MAX_INLINE
from tests.support.gateway_offline import ListedOutbox, message

JSON = {"Content-Type": "application/json"}
M, C, P = "/v1/messages", "/v1/campaigns", "/v1/preview"
HERE = {"to": "+4915112345678"}


def campaign(**changes: Any) -> dict[str, Any]:
    return {"name": "Sale", "from": "Shop", "body": "Hello", "recipients": [HERE]} | changes


def text(value: object) -> bytes:
    return json.dumps(value).encode()


def nested(depth: int) -> bytes:
    return b'{"to":' + b"[" * depth + b"]" * depth + b"}"


BAD: tuple[tuple[str, str, bytes, int, str, str], ...] = (
    ("empty", M, b"", 400, "bad_json", ""),
    ("not JSON", M, b"hello", 400, "bad_json", ""),
    ("cut off", M, text(message())[:-1], 400, "bad_json", ""),
    ("two values", M, text(message()) + b"{}", 400, "bad_json", ""),
    ("NaN", M, b'{"to": NaN}', 400, "bad_json", ""),
    ("two BOMs", M, b"\xef\xbb\xbf" * 2 + text(message()), 400, "bad_json", ""),
    ("UTF-16", M, json.dumps(message()).encode("utf-16"), 400, "bad_utf8", ""),
    ("UTF-16 without a mark", P, json.dumps(campaign()).encode("utf-16-le"), 400, "bad_utf8", ""),
    ("UTF-16 the other way round", C, json.dumps(campaign()).encode("utf-16-be"), 400, "bad_utf8", ""),
    ("UTF-32", C, json.dumps(campaign()).encode("utf-32"), 400, "bad_utf8", ""),
    ("not UTF-8", M, b'{"to": "\xff\xfe"}', 400, "bad_utf8", ""),
    ("a raw NUL", M, b'{"to": "+49\x00"}', 400, "bad_json", ""),
    ("33 deep", M, nested(32), 400, "too_deep", ""),
    ("100,000 deep", M, b"[" * 100_000, 400, "too_deep", ""),
    ("many brackets, and a string that is never closed", M, b"[" * 40 + b'"' + b'\\"' * 100_000, 400, "too_deep", ""),
    ("33 deep behind a string with a quotation mark", M, b'{"body":"\\\\\\"",' + nested(32)[1:], 400, "too_deep", ""),
    ("a list", M, b"[]", 422, "wrong_type", ""),
    ("null", M, b"null", 422, "wrong_type", ""),
    ("half a surrogate pair", M, text(message(body="\ud800 x")), 422, "bad_text", "/body"),
    ("the other half", M, text(message(body="\udc00")), 422, "bad_text", "/body"),
    ("halves the wrong way round", M, text(message(body="\udc00\ud800")), 422, "bad_text", "/body"),
    (
        "half a pair in a variable",
        M,
        text(message(body="{{a}}", variables={"a": "\udfff"})),
        422,
        "bad_text",
        "/variables/a",
    ),
    ("half a pair in the reference", M, text(message(client_ref="\ud83d")), 422, "bad_text", "/client_ref"),
    ("half a pair in the destination", M, text(message(to="+4915112345678\ud800")), 422, "bad_character", "/to"),
    ("half a pair in the sender", M, text(message(**{"from": "\ud800"})), 422, "bad_character", "/from"),
    ("half a pair in an unknown name", M, text(message(**{"\ud800": 1})), 422, "unknown_field", ""),
    ("half a pair, and not JSON", M, text(message(body="\ud800"))[:-1], 400, "bad_json", ""),
    ("half a pair in the body of many", C, text(campaign(body="\ud800")), 422, "bad_text", "/body"),
    ("half a pair in a name", C, text(campaign(name="\ud800")), 422, "bad_text", "/name"),
    ("half a pair in the body of a preview", P, text(campaign(body="\ud800")), 422, "bad_text", "/body"),
    ("an unknown name of 200", M, text(message(**{"x" * 200: 1})), 422, "unknown_field", ""),
    ("NUL in the body", M, text(message(body="a\0b")), 422, "bad_text", "/body"),
    ("NUL in a variable", M, text(message(body="{{a}}", variables={"a": "\0"})), 422, "bad_text", "/variables/a"),
    ("NUL beside a placeholder", M, text(message(body="{{a}}\0", variables={"a": "x"})), 422, "bad_text", "/body"),
    ("NUL in the sender", M, text(message(**{"from": "Sh\0p"})), 422, "bad_character", "/from"),
    ("NUL in the sender of many", C, text(campaign(**{"from": "Sh\0p"})), 422, "bad_character", "/from"),
    ("NUL in the destination", M, text(message(to="+4915112345678\0")), 422, "bad_character", "/to"),
    ("NUL in the reference", M, text(message(client_ref="\0")), 422, "bad_text", "/client_ref"),
    ("no destination", M, text({"from": "Shop", "body": "x"}), 422, "missing_field", "/to"),
    ("no sender", M, text({"to": "+491", "body": "x"}), 422, "missing_field", "/from"),
    ("an unknown field", M, text(message(priority=1)), 422, "unknown_field", "/priority"),
    ("a number for text", M, text(message(to=4915112345678)), 422, "wrong_type", "/to"),
    ("a national number", M, text(message(to="0151 12345678")), 422, "national_format", "/to"),
    ("letters", M, text(message(to="+49abc")), 422, "bad_character", "/to"),
    ("Arabic digits", M, text(message(to="+٤٩١٥١١٢٣٤٥٦٧٨")), 422, "bad_character", "/to"),
    ("an empty number", M, text(message(to="")), 422, "too_short", "/to"),
    ("no such number", M, text(message(to="+4999999999999")), 422, "invalid_number", "/to"),
    ("no route", M, text(message(to="+33612345678")), 422, "no_route", "/to"),
    ("an empty body", M, text(message(body="")), 422, "out_of_range", "/body"),
    ("256 segments", M, text(message(body="x" * 39_016)), 422, "too_long", "/body"),
    ("256 segments of other letters", M, text(message(body="я" * 17_086)), 422, "too_long", "/body"),
    ("256 segments of pairs", M, text(message(body="[" * 19_509)), 422, "too_long", "/body"),
    ("40,001 characters", M, text(message(body="x" * 40_001)), 422, "out_of_range", "/body"),
    ("a missing variable", M, text(message(body="{{ name }}")), 422, "missing_variable", "/variables/name"),
    ("a variable that is a number", M, text(message(variables={"a": 1})), 422, "wrong_type", "/variables/a"),
    ("a sender too long", M, text(message(**{"from": "TwelveLetter"})), 422, "too_long", "/from"),
    ("an empty sender", M, text(message(**{"from": ""})), 422, "too_short", "/from"),
    ("a sender with an umlaut", M, text(message(**{"from": "Müller"})), 422, "bad_character", "/from"),
    ("an unknown lane", M, text(message(lane="fast")), 422, "bad_value", "/lane"),
    ("a null lane", M, text(message(lane=None)), 422, "wrong_type", "/lane"),
    ("validity 0", M, text(message(validity_seconds=0)), 422, "out_of_range", "/validity_seconds"),
    ("validity beyond two days", M, text(message(validity_seconds=172_801)), 422, "out_of_range", "/validity_seconds"),
    ("validity 1.5", M, text(message(validity_seconds=1.5)), 422, "out_of_range", "/validity_seconds"),
    ("validity as text", M, text(message(validity_seconds="60")), 422, "wrong_type", "/validity_seconds"),
    ("validity beyond 64 bits", M, text(message(validity_seconds=2**70)), 422, "out_of_range", "/validity_seconds"),
    ("a reference of 256", M, text(message(client_ref="x" * 256)), 422, "out_of_range", "/client_ref"),
    ("WhatsApp", M, text(message(channel="whatsapp")), 422, "unsupported", "/channel"),
    *(
        (f"{field} of a message", M, text(message(**{field: "x"})), 422, "unsupported", f"/{field}")
        for field in ("callback_url", "template")
    ),
    ("an empty campaign", C, text(campaign(recipients=[])), 422, "no_recipients", "/recipients"),
    ("recipients left out", C, text({"name": "x", "from": "Shop", "body": "y"}), 422, "no_recipients", "/recipients"),
    (
        "10,001 recipients",
        C,
        text(campaign(recipients=[HERE] * (MAX_INLINE + 1))),
        422,
        "too_many_recipients",
        "/recipients",
    ),
    ("a recipient that is text", C, text(campaign(recipients=[HERE, "x"])), 422, "wrong_type", "/recipients/1"),
    (
        "an unknown field of a recipient",
        C,
        text(campaign(recipients=[HERE, HERE | {"a/b": 1}])),
        422,
        "unknown_field",
        "/recipients/1/a~1b",
    ),
    ("recipients as an object", C, text(campaign(recipients={})), 422, "wrong_type", "/recipients"),
    ("an empty name", C, text(campaign(name="")), 422, "out_of_range", "/name"),
    ("NUL in the name", C, text(campaign(name="a\0")), 422, "bad_text", "/name"),
    ("a template with NUL", C, text(campaign(body="{{a}}\0")), 422, "bad_text", "/body"),
    ("a price as a number", C, text(campaign(max_price=1)), 422, "wrong_type", "/max_price"),
    ("a price and a new line", C, text(campaign(max_price="1\n")), 422, "out_of_range", "/max_price"),
    ("a negative price", C, text(campaign(max_price="-1")), 422, "out_of_range", "/max_price"),
    ("too dear", C, text(campaign(max_price="0.0699")), 422, "max_price_exceeded", "/max_price"),
    ("too dear, and open", C, text(campaign(max_price="0.0699", open=True)), 422, "max_price_exceeded", "/max_price"),
    ("open as text", C, text(campaign(open="yes")), 422, "wrong_type", "/open"),
    ("a schedule", C, text(campaign(schedule={"start_at": "x"})), 422, "out_of_range", "/schedule/start_at"),
    ("a profile that there is not", C, text(campaign(profile="p")), 422, "unknown_profile", "/profile"),
    ("one of a message", M, text(message(profile="p")), 422, "unknown_profile", "/profile"),
    ("one of a preview", "/v1/preview", text(campaign(profile="p")), 422, "unknown_profile", "/profile"),
    ("a profile that is a number", C, text(campaign(profile=1)), 422, "wrong_type", "/profile"),
    ("a long profile", M, text(message(profile="p" * 41)), 422, "out_of_range", "/profile"),
    ("a preview of nobody", P, text(campaign(recipients=[])), 422, "no_recipients", "/recipients"),
    ("a part of no campaign", f"{C}/cmp_1/recipients", b"{}", 404, "not_found", ""),
    ("a body where none belongs", f"{C}/cmp_{'0' * 26}/start", b'{"now": true}', 422, "unknown_field", "/now"),
)


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "pointer"), [row[1:] for row in BAD], ids=[row[0] for row in BAD]
)
async def test_what_is_wrong_is_named(
    client: ClientSession, outbox: ListedOutbox, path: str, body: bytes, status: int, code: str, pointer: str
) -> None:
    async with client.post(path, data=body, headers=JSON) as response:
        problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"], problem["status"]) == (status, code, status), problem
    assert [fault["pointer"] for fault in problem["errors"]] == ([pointer] if status == 422 else [])
    assert response.headers["X-Request-Id"] and response.headers["traceparent"]
    assert outbox.sent == []


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        (M, message(lane="otpp"), 'expected otp, transactional or marketing, got "otpp"'),
        (M, message(lane=7), "expected otp, transactional or marketing, got 7"),
        (M, message(validity_seconds=0), "expected a whole number of seconds, 1 to 172800, got 0"),
        (M, message(smart_encoding="yes"), 'expected true or false, got "yes"'),
        (
            C,
            campaign(max_price="12,50"),
            'expected an amount as text, such as "12.50": at most four digits behind the point, got "12,50"',
        ),
        (C, campaign(open="yes"), 'expected true or false, got "yes"'),
    ],
)
async def test_what_would_be_right_is_said(client: ClientSession, path: str, body: dict[str, object], detail: str) -> None:
    async with client.post(path, data=text(body), headers=JSON) as response:
        problem = await response.json(content_type="application/problem+json")
    assert [fault["detail"] for fault in problem["errors"]] == [detail]


HEADERS: tuple[tuple[str, str, dict[str, str], int, str], ...] = (
    ("no content type", M, {"Content-Type": ""}, 415, "unsupported_media_type"),
    ("a form", M, {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
    ("Latin-1", M, {"Content-Type": "application/json; charset=iso-8859-1"}, 415, "unsupported_media_type"),
    ("compressed", M, JSON | {"Content-Encoding": "gzip"}, 415, "unsupported_encoding"),
    (
        "a spreadsheet",
        f"{C}/cmp_{'0' * 26}/recipients",
        {"Content-Type": "application/vnd.ms-excel"},
        415,
        "unsupported_media_type",
    ),
    (
        "CSV in Latin-1",
        f"{C}/cmp_{'0' * 26}/recipients",
        {"Content-Type": "text/csv; charset=latin1"},
        415,
        "unsupported_media_type",
    ),
    ("compressed, said twice", M, JSON | {"Content-Encoding": "identity, gzip"}, 415, "unsupported_encoding"),
    ("an unknown compression", M, JSON | {"Content-Encoding": "br"}, 415, "unsupported_encoding"),
    (
        "a compressed table",
        f"{C}/cmp_{'0' * 26}/recipients",
        {"Content-Type": "text/csv", "Content-Encoding": "gzip"},
        415,
        "unsupported_encoding",
    ),
    ("something expected", M, JSON | {"Expect": "tea"}, 417, "unknown_expectation"),
    ("a header of 9,000 bytes", M, JSON | {"X-Long": "x" * 9_000}, 431, "head_too_large"),
    ("JSON as upload", f"{C}/cmp_{'0' * 26}/recipients", JSON, 415, "unsupported_media_type"),
    (
        "a negative part",
        f"{C}/cmp_{'0' * 26}/recipients",
        {"Content-Type": "application/x-ndjson", "Upload-Part": "-1"},
        422,
        "bad_upload_part",
    ),
    ("a long idempotency key", M, JSON | {"Idempotency-Key": "k" * 256}, 422, "bad_idempotency_key"),
    ("an empty idempotency key", M, JSON | {"Idempotency-Key": ""}, 422, "bad_idempotency_key"),
    ("no key", M, JSON | {"Authorization": ""}, 401, "unauthorized"),
    ("another scheme", M, JSON | {"Authorization": "Basic eDp5"}, 401, "unauthorized"),
    ("a key that is none", M, JSON | {"Authorization": "Bearer sk_x_y"}, 401, "unauthorized"),
    ("a key of nobody", M, JSON | {"Authorization": f"Bearer sk_{'a' * 16}_{'0' * 64}"}, 401, "unauthorized"),
)


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"), [row[1:] for row in HEADERS], ids=[row[0] for row in HEADERS]
)
async def test_bad_headers(
    client: ClientSession, outbox: ListedOutbox, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    async with client.post(path, data=text(message()), headers=headers) as response:
        problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (status, code), problem
    assert outbox.sent == []
