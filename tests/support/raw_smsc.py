"""An SMSC on a raw socket that does with a submit what the test says, knowing none of our code.

In: `on_submit`, called with the peer and the sequence number of each submit_sm. Out: every PDU that came, by connection.
Binds and enquire_links are answered with ESME_ROK (binds with `bind_status`); nothing else is, unless the test does it:
`on_bound`, `on_other` (peer, command, sequence number) tell it of a bind and of everything else.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

SUBMIT, SUBMIT_RESP, UNBIND, UNBIND_RESP, ALERT = 0x4, 0x80000004, 0x6, 0x80000006, 0x102
BIND, BIND_RESP, ENQUIRE_LINK, ENQUIRE_LINK_RESP = 0x9, 0x80000009, 0x15, 0x80000015
HEADER = struct.Struct(">IIII")


class Peer:
    """One connection. `number`: counted from 1; `seen`: (command, status, sequence, body) of each PDU."""

    def __init__(self, number: int, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.seen: list[tuple[int, int, int, bytes]] = []
        self.open = True
        self._writer = writer

    def put(self, command: int, sequence: int, body: bytes = b"", status: int = 0) -> None:
        """Write a PDU."""
        self._writer.write(HEADER.pack(16 + len(body), command, status, sequence) + body)

    def take(self, sequence: int, message_id: bytes) -> None:
        """Answer a submit with ESME_ROK and this id."""
        self.put(SUBMIT_RESP, sequence, message_id + b"\0")

    def cut(self) -> None:
        """End the connection at once."""
        self._writer.transport.abort()

    def of(self, command: int) -> list[tuple[int, int, int, bytes]]:
        """PDUs of this kind."""
        return [one for one in self.seen if one[0] == command]


class RawSmsc:
    """Listens from `start` on, `stop` ends it."""

    def __init__(self, on_submit: Callable[[Peer, int], None]) -> None:
        self.on_submit = on_submit
        self.on_bound: Callable[[Peer], None] = lambda peer: None
        self.on_other: Callable[[Peer, int, int], None] = lambda peer, command, sequence: None
        self.bind_status = 0
        self.peers: list[Peer] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """On a free port of loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut all connections."""
        assert self._server is not None
        self._server.close()
        for peer in self.peers:
            peer.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def submits(self) -> int:
        """How many submits have come over all connections."""
        return sum(len(peer.of(SUBMIT)) for peer in self.peers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        peer = Peer(len(self.peers) + 1, writer)
        self.peers.append(peer)
        try:
            while True:
                length, command, status, sequence = HEADER.unpack(await reader.readexactly(16))
                peer.seen.append((command, status, sequence, await reader.readexactly(length - 16)))
                if command == BIND:
                    peer.put(BIND_RESP, sequence, b"raw\0", self.bind_status)
                    self.on_bound(peer)
                elif command == ENQUIRE_LINK:
                    peer.put(ENQUIRE_LINK_RESP, sequence)
                elif command == SUBMIT:
                    self.on_submit(peer, sequence)
                else:
                    self.on_other(peer, command, sequence)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        finally:
            peer.open = False
