"""Sockets that speak no HTTP, or nothing at all, or not to the end."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlsplit

import pytest

from gateway.http import body, connection
from tests.support.gateway_offline import KEY

HEAD = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"


async def talk(url: str, data: bytes) -> bytes:
    """Everything that comes back until the other side closes."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(data)
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"hello\r\n\r\n", 400, "bad_http"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "bad_http"),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 431, "head_too_large"),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", 431, "head_too_large"),
        (b"\x16\x03\x01\x02\x00\x01", 400, "bad_http"),
        (HEAD.encode() + b"Content-Length: -1\r\n\r\n", 400, "bad_http"),
        (HEAD.encode() + b"Expect: tea\r\nContent-Length: 2\r\n\r\n{}", 417, "unknown_expectation"),
        (HEAD.encode() + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400, "bad_http"),
        (
            HEAD.encode() + b"Connection: close\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            415,
            "unsupported_encoding",
        ),
    ],
)
async def test_what_is_not_http_is_a_problem(url: str, data: bytes, status: int, code: str) -> None:
    head, _, content = (await talk(url, data)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.") and f" {status} ".encode() in head.split(b"\r\n")[0]
    assert json.loads(content)["code"] == code and b"application/problem+json" in head
    assert b"x-request-id" in head.lower() and b"traceparent" in head.lower()


async def test_the_body_is_asked_for_when_the_client_waits_for_that(url: str) -> None:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(HEAD.encode() + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n")
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"{}")
    assert b" 422 " in (await asyncio.wait_for(reader.read(), 30)).split(b"\r\n")[0]
    writer.close()


async def test_a_head_that_does_not_come(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.05)
    assert await talk(url, b"GET /healthz HTTP/1.1\r\nHost:") == b""


async def test_a_body_that_does_not_come(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(body, "IDLE_SECONDS", 0.05)
    answer = await talk(url, HEAD.encode() + b"Content-Length: 100\r\n\r\n{")
    assert b" 408 " in answer.split(b"\r\n")[0] and b"request_timeout" in answer


async def test_the_oldest_that_asks_for_nothing_makes_room(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(connection, "MOST_CONNECTIONS", 2)
    address = urlsplit(url)
    busy = await asyncio.open_connection(address.hostname, address.port)
    busy[1].write(HEAD.encode() + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n")
    assert b" 100 " in await asyncio.wait_for(busy[0].readuntil(b"\r\n\r\n"), 30)
    idle, newest = [await asyncio.open_connection(address.hostname, address.port) for _ in range(2)]
    assert await asyncio.wait_for(idle[0].read(), 30) == b""
    newest[1].write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b" 200 " in await asyncio.wait_for(newest[0].readline(), 30)
    busy[1].write(b"{}")
    assert b" 422 " in await asyncio.wait_for(busy[0].readline(), 30)
    for _, writer in (idle, newest, busy):
        writer.close()


def test_files_bound_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    for files, most in ((1024, 768), (256, 128), (1_000_000, 10_000), (-1, 10_000)):
        monkeypatch.setattr("resource.getrlimit", lambda _, files=files: (files, files))
        assert connection.most_connections() == most
