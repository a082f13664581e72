"""Queries, paths, methods and bodies that are not what a call takes: each is refused by name, and nothing is queued."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.support.gateway_offline import ListedOutbox, message

JSON = {"Content-Type": "application/json"}
M, C, P = "/v1/messages", "/v1/campaigns", "/v1/preview"
HERE = {"to": "+4915112345678"}


def campaign(**changes: Any) -> dict[str, Any]:
    return {"name": "Sale", "from": "Shop", "body": "Hello", "recipients": [HERE]} | changes


def text(value: object) -> bytes:
    return json.dumps(value).encode()


QUERIES = (
    ("?limit=0", "?limit"),
    ("?limit=1001", "?limit"),
    ("?limit=x", "?limit"),
    ("?limit=%D9%A1", "?limit"),
    ("?status=lost", "?status"),
    ("?from=yesterday", "?from"),
    ("?until=2026-01-01T00:00:00", "?until"),
    ("?cursor=%21", "?cursor"),
    ("?cursor=AAAA", "?cursor"),
    ("?to=0151", "?to"),
    ("?page=2", "?page"),
    ("?limit=1&limit=2", "?limit"),
    ("?client_ref=%00", "?client_ref"),
    ("?limit=%2B5", "?limit"),
    ("?limit=", "?limit"),
    ("?%ED%A0%80=1", "?\ufffd\ufffd\ufffd"),
    ("?%00=1", "?\0"),
    ("?status=SENT", "?status"),
    ("?cursor=%C3%A9", "?cursor"),
    ("?cursor=", "?cursor"),
    ("?cursor=1.a.1.1", "?cursor"),
    ("?cursor=1.a.%C2%B2", "?cursor"),
    ("?cursor=1.a.1%0A", "?cursor"),
    (f"?cursor={'1' * 16}.a.1", "?cursor"),
    ("?cursor=01.a.1", "?cursor"),
    ("?cursor=1..1", "?cursor"),
    ("?cursor=-1.a.1", "?cursor"),
)


@pytest.mark.parametrize(("query", "pointer"), QUERIES)
async def test_bad_queries(client: ClientSession, query: str, pointer: str) -> None:
    async with client.get(f"/v1/messages{query}") as response:
        problem = await response.json(content_type="application/problem+json")
    assert (response.status, [fault["pointer"] for fault in problem["errors"]]) == (422, [pointer]), problem


async def test_a_byte_order_mark_is_passed_over(client: ClientSession) -> None:
    for path, body, status in ((M, message(), 202), (P, campaign(), 200)):
        async with client.post(path, data=b"\xef\xbb\xbf" + text(body), headers=JSON) as response:
            assert response.status == status


async def test_utf_16_is_named(client: ClientSession) -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        async with client.post(M, data=json.dumps(message()).encode(encoding), headers=JSON) as response:
            assert "UTF-16" in (await response.json(content_type="application/problem+json"))["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", M),
        ("GET", f"{M}/x"),
        ("POST", C),
        ("GET", f"{C}/x"),
        ("POST", f"{C}/x/recipients"),
        ("POST", f"{C}/x/start"),
        ("POST", f"{C}/x/cancel"),
        ("POST", P),
        ("GET", "/v1/balance"),
    ],
)
async def test_parameters_where_none_belong(client: ClientSession, outbox: ListedOutbox, method: str, path: str) -> None:
    async with client.request(method, f"{path}?at=noon", data=text(message()), headers=JSON) as response:
        problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"], problem["errors"][0]["pointer"]) == (422, "unknown_parameter", "?at")
    assert outbox.sent == []


ABSENT = (
    ("GET", "/", 404),
    ("GET", "/v1", 404),
    ("GET", "/v1/messages/", 404),
    ("POST", "/v1/campaigns/x/pause", 404),
    ("POST", "/v1/campaigns/x/resume", 404),
    ("POST", "/v1/campaigns/x/retry", 404),
    ("POST", "/v1/messages/x/cancel", 404),
    ("GET", "/v1/messages/x/trace", 404),
    ("GET", "/v1/opt-outs", 404),
    ("GET", "/v1/webhooks", 404),
    ("POST", "/v1/callbacks/x", 404),
    ("GET", "/v1/admin/carriers", 404),
    ("GET", "/asyncapi.json", 404),
    ("GET", "/docs", 404),
    ("OPTIONS", "/v1/messages", 405),
    ("OPTIONS", "/nowhere", 404),
    ("DELETE", "/v1/messages", 405),
    ("PUT", "/v1/campaigns", 405),
    ("POST", "/healthz", 405),
    ("GET", "/v1/messages/x", 404),
    ("GET", "/v1/campaigns/x", 404),
)


@pytest.mark.parametrize(("method", "path", "status"), ABSENT)
async def test_what_is_not_there(client: ClientSession, method: str, path: str, status: int) -> None:
    async with client.request(method, path) as response:
        problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["status"]) == (status, status)
    assert ("Allow" in response.headers) == (status == 405)


async def in_pieces(pieces: int) -> AsyncIterator[bytes]:
    for _ in range(pieces):
        yield b" " * (1 << 20)


@pytest.mark.parametrize("body", [b" " * (16 * 1024 * 1024 + 1), in_pieces(17)], ids=["with a length", "chunked"])
async def test_a_body_beyond_the_limit(client: ClientSession, outbox: ListedOutbox, body: object) -> None:
    async with client.post(M, data=body, headers=JSON) as response:
        problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (413, "too_large")
    assert outbox.sent == []


async def test_a_body_without_a_length(client: ClientSession) -> None:
    async def piece_by_piece() -> AsyncIterator[bytes]:
        for byte in text(message()):
            yield bytes([byte])

    async with client.post(M, data=piece_by_piece(), headers=JSON | {"Expect": "100-continue"}) as response:
        assert response.status == 202, await response.text()


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/openapi.json", 200), (f"{M}/x", 404), ("/x", 404)])
async def test_head_is_get_without_a_body(client: ClientSession, path: str, status: int) -> None:
    async with client.get(path) as whole, client.head(path) as head:
        assert (head.status, head.content_type, await head.read()) == (whole.status, whole.content_type, b"")
        assert head.status == status and head.headers["Content-Length"] == whole.headers["Content-Length"]


async def test_what_cannot_be_paid(client: ClientSession, outbox: ListedOutbox) -> None:
    async with client.post(M, json=message(body="x" * 2500)) as response:
        problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (402, "insufficient_balance")
    assert outbox.sent == []
