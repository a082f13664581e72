"""Requests as bytes, and a connection that sends them as they are.

In: what is different from a message that is accepted. Out: bytes; answers, one after the other.
"""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlsplit

from tests.support.gateway_offline import KEY, message

FIRST = b"POST /v1/messages HTTP/1.1\r\n"
HEAD = {
    "Host": "x",
    "Authorization": f"Bearer {KEY}",
    "Content-Type": "application/json",
    "User-Agent": "t/1",
    "Accept": "*/*",
}
Answer = tuple[int, dict[str, str], bytes]


def request(body: bytes | None = None, first: bytes = FIRST, **headers: str | None) -> bytes:
    """One request; `Content_Length` and others may be given, None leaves one out."""
    body = json.dumps(message()).encode() if body is None else body
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    all_ = HEAD | {"Content-Length": str(len(body))} | given
    lines = [f"{name}: {value}" for name, value in all_.items() if value is not None]
    return first + "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> Answer:
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 30)).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        body = await asyncio.wait_for(self.reader.readexactly(int(headers["Content-Length"])), 30)
        return int(head[0].split(" ")[1]), headers, body

    async def ask(self, *pieces: bytes) -> Answer:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
        return await self.answer()


async def connect(url: str) -> Client:
    address = urlsplit(url)
    return Client(*await asyncio.open_connection(address.hostname, address.port))
