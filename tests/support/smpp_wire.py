"""A session on a wire that keeps what was written, with a clock that stands still, for tests that play the peer by hand."""

import asyncio

from connectors.carriers.contract import Acknowledge, CarrierCallbacks, Receipt, Result, Submit, Unreadable
from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.receipt_intake import Counters
from connectors.carriers.smpp.session import Session
from infra.settings.carriers import SmppSettings


class Wire(asyncio.Transport):
    """Keeps what is written; closing is told to the protocol at once."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False
        self.protocol: asyncio.Protocol | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed and self.protocol is not None:
            self.closed = True
            self.protocol.connection_lost(None)

    abort = close

    def commands(self) -> list[tuple[int, int, int]]:
        """Command, status, sequence of every PDU written."""
        frames, _ = pdu.split(b"".join(self.writes))
        return [frame[:3] for frame in frames]


class Bind:
    """A session on a wire."""

    def __init__(self, *, window: int = 100) -> None:
        self.now = 1000.0
        self.results: list[Result] = []
        self.receipts: list[Receipt] = []
        self.acknowledges: list[Acknowledge] = []
        self.unreadable: list[Unreadable] = []
        self.counters = Counters()
        settings = SmppSettings(host="h", port=1, system_id="s", response_timeout_seconds=0.02)
        hasty = settings.model_copy(update={"enquire_link_seconds": 0.02})  # faster than any carrier allows
        callbacks = CarrierCallbacks(on_receipts=self._on_receipts, on_room=lambda: None, on_unreadable=self._on_unreadable)
        self.session = Session(hasty, window, callbacks, lambda: self.now, self.counters)
        self.wire = Wire()
        self.wire.protocol = self.session
        self.session.connection_made(self.wire)

    def take_bind(self) -> None:
        self.session.data_received(pdu.encode_answer_id(pdu.BIND_TRANSCEIVER_RESP, 1, "peer"))

    def submit(self, messages: list[Submit]) -> None:
        self.session.submit(messages, self.results.extend)

    def _on_receipts(self, receipts: list[Receipt], acknowledge: Acknowledge) -> None:
        self.receipts += receipts
        self.acknowledges.append(acknowledge)

    def _on_unreadable(self, what: Unreadable, acknowledge: Acknowledge) -> None:
        self.unreadable.append(what)
        self.acknowledges.append(acknowledge)
