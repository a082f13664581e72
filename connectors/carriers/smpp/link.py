"""One TCP connection that speaks SMPP, whichever side we are.

In: bytes from the transport, PDUs to write. Out: whole frames to the side's own `on_frames`; what was put during a
turn of the loop leaves in one `transport.write`. A broken PDU is answered with generic_nack and ends the connection,
as the standard asks: after a wrong length nothing that follows can be trusted.
"""

import asyncio
from collections.abc import Iterable
from typing import cast

from connectors.carriers.smpp import pdu


class BindRefused(Exception):
    """The carrier did not take the bind; the text is the name of its status."""


class Link(asyncio.Protocol):
    """Framing and joined writes. Subclasses read `on_frames`, `on_lost`, `on_written`."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.writable = True
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._out: list[bytes] = []
        self._flush_due = False

    @property
    def up(self) -> bool:
        """Whether there is a connection that is not being closed."""
        return self._transport is not None and not self._transport.is_closing()

    def put(self, data: bytes) -> None:
        """Write at the end of this turn of the loop; dropped when there is no connection."""
        self.put_all((data,))

    def put_all(self, data: Iterable[bytes]) -> None:
        """The same for several."""
        self._out += data
        if not self._flush_due:
            self._flush_due = True
            self.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Hand over to the network what was put."""
        self._flush_due = False
        out, self._out = self._out, []
        if out and self._transport is not None and not self._transport.is_closing():
            self.on_written()
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def withdraw(self, command: int) -> None:
        """PDUs of this command that were put and not flushed do not leave."""
        name = command.to_bytes(4, "big")
        self._out = [data for data in self._out if data[4:8] != name]

    def end(self) -> None:
        """Close after what was put has left."""
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what was put and not yet flushed does not leave."""
        if self._transport is not None:
            self._transport.abort()

    def on_opened(self) -> None:
        """The connection stands."""

    def on_frames(self, buffer: bytes, frames: list[pdu.Frame]) -> None:
        """Whole PDUs have come. A PduError ends the connection."""

    def on_written(self) -> None:
        """What was put is about to be handed over."""

    def on_lost(self, reason: Exception | None) -> None:
        """The connection is gone; called once."""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self.on_opened()

    def data_received(self, data: bytes) -> None:
        buffer = self._rest + data if self._rest else data
        try:
            while True:
                frames, used = pdu.split(buffer)
                self._rest = buffer[used:] if used else buffer
                if not frames:
                    break
                self.on_frames(buffer, frames)
                buffer = self._rest
                if len(buffer) < pdu.HEADER_LENGTH:
                    break
        except pdu.PduError as error:
            self.put(pdu.encode(pdu.GENERIC_NACK, error.sequence, status=error.status))
            self.end()

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        self.on_writable()

    def on_writable(self) -> None:
        """The network takes bytes again."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.on_lost(exc)
