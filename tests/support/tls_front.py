"""TLS before a server that has none: it ends here, the server behind it gets what came through.

In: the server's port, a certificate. Out: `TlsFront` with a port of its own. A client of PostgreSQL first asks in clear
whether there is TLS; `asked` answers it. Wrong: whoever does not speak TLS is hung up on.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from threading import Thread

from tests.support.certificates import Authority, Pair

SSL_REQUEST = bytes.fromhex("0000000804d2162f")


@contextmanager
def tls_front(port: int, pair: Pair, *, asked: bool = False, clients: Authority | None = None) -> Iterator[int]:
    """The port that speaks TLS. `clients`: whose certificates a client must have, if one is asked for."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=None if clients is None else clients.file)
    context.load_cert_chain(pair.certificate, pair.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    with closing(socket.create_server(("127.0.0.1", 0))) as door:
        Thread(target=_serve, args=(door, context, port, asked), daemon=True).start()
        yield door.getsockname()[1]


def _serve(door: socket.socket, context: ssl.SSLContext, port: int, asked: bool) -> None:
    while True:
        try:
            came, _ = door.accept()
        except OSError:
            return
        Thread(target=_one, args=(came, context, port, asked), daemon=True).start()


def _one(came: socket.socket, context: ssl.SSLContext, port: int, asked: bool) -> None:
    with suppress(OSError), closing(came):
        if asked:
            if came.recv(len(SSL_REQUEST), socket.MSG_WAITALL) != SSL_REQUEST:
                return
            came.sendall(b"S")
        with (
            closing(context.wrap_socket(came, server_side=True)) as outside,
            closing(socket.create_connection(("127.0.0.1", port))) as inside,
        ):
            back = Thread(target=_copy, args=(inside, outside), daemon=True)
            back.start()
            _copy(outside, inside)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
