"""Ask a Kafka broker for its metadata with nothing but a socket.

In: a loopback port. Out: whether the broker answers and counts itself among the living. An open port is not enough:
until the controller has let the broker in, topics cannot be made. Wrong: any failure is a plain no.
"""

from __future__ import annotations

import socket
import struct

from infra.services.ports import loopback

METADATA_KEY = 3
METADATA_VERSION = 4
CORRELATION = 7
CLIENT = b"sluice-probe"
TIMEOUT_SECONDS = 1.0


def knows_itself(port: int) -> bool:
    """True once the metadata answer lists at least one broker."""
    try:
        with socket.create_connection((loopback(), port), timeout=TIMEOUT_SECONDS) as connection:
            connection.sendall(_request())
            size, correlation, _throttle, brokers = struct.unpack(">iiii", _read(connection, 16))
    except OSError:
        return False
    return bool(size > 0 and correlation == CORRELATION and brokers > 0)


def _request() -> bytes:
    header = struct.pack(f">hhih{len(CLIENT)}s", METADATA_KEY, METADATA_VERSION, CORRELATION, len(CLIENT), CLIENT)
    no_topics_no_creation = struct.pack(">i?", 0, False)
    body = header + no_topics_no_creation
    return struct.pack(">i", len(body)) + body


def _read(connection: socket.socket, size: int) -> bytes:
    answer = b""
    while len(answer) < size:
        part = connection.recv(size - len(answer))
        if not part:
            raise ConnectionError("closed before the answer was complete")
        answer += part
    return answer
