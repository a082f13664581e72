"""Sockets that speak no HTTP, or nothing at all, or not to the end."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlsplit

import pytest

from gateway import body, connection
from tests.unit.gateway.conftest import KEY

HEAD = (f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        "Content-Type: application/json\r\n")


async def talk(url: str, data: bytes) -> bytes:
    """Everything that comes back until the other side closes."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(data)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


@pytest.mark.parametrize("data", [
    b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01",
    HEAD.encode() + b"Content-Length: -1\r\n\r\n"])
async def test_what_is_not_http_is_a_problem(url: str, data: bytes) -> None:
    head, _, content = (await talk(url, data)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.") and b" 400 " in head.split(b"\r\n")[0]
    assert json.loads(content)["code"] == "bad_http"
    assert b"x-request-id" in head.lower() and b"traceparent" in head.lower()


async def test_a_head_that_does_not_come(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.05)
    assert await talk(url, b"GET /healthz HTTP/1.1\r\nHost:") == b""


async def test_a_body_that_does_not_come(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(body, "IDLE_SECONDS", 0.05)
    answer = await talk(url, HEAD.encode() + b"Content-Length: 100\r\n\r\n{")
    assert b" 408 " in answer.split(b"\r\n")[0] and b"request_timeout" in answer
