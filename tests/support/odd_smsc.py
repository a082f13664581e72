"""An SMSC on a raw socket that takes every submit and sends what a test writes for a receipt, octet by octet.

In: for each submit, its number, the id that was given and the handset: the PDUs to send, without sequence numbers. Out:
`OddSmsc`: its port, the status of every answer to them. One thread a connection; all end with the block.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg.types.json import Jsonb

from tests.support.running import Running, until

PROBED = "+33751234567"
Receipts = Callable[[bytes, bytes], list[tuple[int, bytes]]]
"""(id, handset) → (command, body) of each PDU."""

_HEADER = struct.Struct(">IIII")
_SUBMIT, _BINDS, _ANSWER = 4, (1, 2, 9), 0x80000000


class OddSmsc:
    """`answers`: (command, status) of what came back for our PDUs."""

    def __init__(self, receipts: Receipts, make_id: Callable[[int], bytes]) -> None:
        self._receipts = receipts
        self._make_id = make_id
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.answers: list[tuple[int, int]] = []
        self.sent = 0
        self._taken = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, struct.error):
            file, sequence = connection.makefile("rb"), 0
            while True:
                length, command, status, number = _HEADER.unpack(file.read(16))
                body = file.read(length - 16)
                if command == _SUBMIT:
                    sequence = self._take(connection, number, body, sequence)
                elif command & _ANSWER:
                    self.answers.append((command, status))
                else:
                    answer = b"odd\0" if command in _BINDS else b""
                    connection.sendall(_pdu(command | _ANSWER, number, answer))

    def _take(self, connection: socket.socket, number: int, body: bytes, sequence: int) -> int:
        handset = body.split(b"\0", 1)[1][2:].split(b"\0", 1)[1][2:].split(b"\0", 1)[0]
        with self._lock:
            self._taken += 1
            id_ = self._make_id(self._taken)
        connection.sendall(_pdu(_SUBMIT | _ANSWER, number, id_ + b"\0"))
        for command, receipt in self._receipts(id_, handset):
            sequence += 1
            self.sent += 1
            connection.sendall(_pdu(command, sequence, receipt))
        return sequence


def _pdu(command: int, sequence: int, body: bytes) -> bytes:
    return _HEADER.pack(16 + len(body), command, 0, sequence) + body


@contextmanager
def odd_smsc(receipts: Receipts, make_id: Callable[[int], bytes]) -> Iterator[OddSmsc]:
    """Listening inside the block."""
    smsc = OddSmsc(receipts, make_id)
    try:
        yield smsc
    finally:
        smsc.close()


def repeating(text: bytes, unread: bytes, kept: bytes) -> Receipts:
    """Receipts that repeat what was sent, behind a message of the handset: octets behind the end, a NUL, as data_sm; to
    the handset `unread` first one that nobody can read, and the text is `kept`."""

    def receipts(id_: bytes, handset: bytes) -> list[tuple[int, bytes]]:
        good = b"id:%b stat:DELIVRD err:021\0 text:Code %b" % (id_, kept if handset == unread else text)
        first, tail = b"\0\1\1%b\0\5\0Shop\0" % handset, bytes(8)
        if handset == unread:
            bad = good.replace(b"DELIVRD", b"HALFWAY")
            return [(5, b"%b\4%b%c%b" % (first, tail, len(one), one)) for one in (bad, good)]
        return [
            (5, b"%b\0%b%c%b" % (first, tail, len(text), text)),
            (5, b"%b\4%b%c%b\0" % (first, tail, len(good) + 1, good)),
            (0x103, b"%b\4\0\0\x04\x24\0%c%b" % (first, len(good), good)),
        ]

    return receipts


def route_to(smsc: OddSmsc, stack: Running) -> None:
    """A carrier `odd` of its own for +336, known to every role that routes when this returns."""
    settings = {"host": "127.0.0.1", "port": smsc.port, "system_id": "odd", "msg_id_type": "auto"}
    with psycopg.connect(stack.line["postgres"]) as connection:
        connection.execute(
            "INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds, partition, settings)"
            " SELECT 'odd', max(number) + 1, 'smpp', 500, 50, 2, 60, 5, %s FROM carriers",
            (Jsonb(settings),),
        )
    stack.cli("route", "set", "+336", "--carrier", "odd", "--price", "0.0100")
    # Each role looks by itself, for all routes at once: who takes this later one knows the one before.
    stack.cli("route", "set", PROBED[:5], "--carrier", "rough", "--price", "0.0100")
    until(lambda: _carrier_of(stack, "transactional") == "rough", 30, "the new routes of the urgent lanes")
    until(lambda: _carrier_of(stack, "marketing") == "rough", 30, "the new routes of marketing")


def _carrier_of(stack: Running, lane: str) -> str | None:
    """Who takes a message of this lane to a number of the route that was set last."""
    identity = stack.api.post("/v1/messages", {"to": PROBED, "from": "Shop", "body": "Hi", "lane": lane}).id
    until(lambda: stack.api.message(identity)["carrier"] is not None, 30, "a carrier of the message")
    carrier: str | None = stack.api.message(identity)["carrier"]
    return carrier
