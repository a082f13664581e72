"""An SMSC on a raw socket as a peer, of kind `smpp`; it knows none of our code for SMPP."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

from connectors.carriers.contract import Carrier, CarrierCallbacks, FailureClass
from infra.settings.carriers import KindSettings
from tests.support.carrier_peers.peer import Case, Manners, Seen
from tests.support.carrier_peers.scripted import Answer, Due, ScriptedPeer
from tests.support.carrier_peers.simulator_peer import CODES, STATUS, hasty, smpp_settings
from tests.support.raw_smsc import SUBMIT, SUBMIT_RESP, UNBIND, UNBIND_RESP, Peer, RawSmsc

DELIVER, DELIVER_RESP, THROTTLED, INVALID_SYSTEM_ID = 0x5, 0x80000005, 0x58, 0x0F
ID_FORMS = {"dec": ("d", "d"), "hex": ("x", "x"), "hex-dec": ("x", "d"), "dec-hex": ("d", "x")}


class SmppPeer(ScriptedPeer):
    """`Peer` of kind `smpp`."""

    kind: ClassVar[str] = "smpp"
    codes: ClassVar[Mapping[FailureClass, str]] = CODES
    cannot: ClassVar[Mapping[Case, str]] = {}

    def __init__(self) -> None:
        super().__init__()
        self._smsc = RawSmsc(self._on_submit)
        self._smsc.on_bound, self._smsc.on_other = self._on_bound, self._on_other
        self._sequences = itertools.count(1)
        self._unconfirmed: dict[int, tuple[Peer | None, bytes]] = {}
        self._open: Counter[Peer] = Counter()

    async def start(self, manners: Manners) -> None:
        self.behave(manners)
        await self._smsc.start()

    async def stop(self) -> None:
        await self._smsc.stop()

    def behave(self, manners: Manners) -> None:
        self.manners = manners
        self._smsc.bind_status = INVALID_SYSTEM_ID if manners.refuses_account else 0

    def settings(self, patience: float) -> KindSettings:
        return smpp_settings(self.kind, self._smsc.port, patience)

    def connect(self, settings: KindSettings, callbacks: CarrierCallbacks, *, window: int, binds: int) -> Carrier:
        return hasty(self.kind, settings, callbacks, window=window, binds=binds)

    def cut(self) -> None:
        for peer in self._bound():
            peer.cut()

    @property
    def connections(self) -> int:
        return len(self._bound())

    def send(self, receipts: Sequence[Due]) -> None:
        for one in receipts:
            text = (
                f"id:{int(one.id):{ID_FORMS[self.manners.id_form][1]}} sub:001 dlvrd:001 submit date:2603041729 "
                f"done date:2603041730 stat:{one.state} err:000 text:"
            ).encode()
            handset = one.destination.encode()
            body = b"\0\1\1%b\0\5\0Sluice\0\4\0\0\0\0\0\0\0\0%c%b" % (handset, len(text), text)
            self._deliver(next(iter(self._bound()), None), body)

    def _bound(self) -> list[Peer]:
        return [peer for peer in self._smsc.peers if peer.open]

    def _deliver(self, peer: Peer | None, body: bytes) -> None:
        sequence = next(self._sequences)
        self._unconfirmed[sequence] = peer, body
        if peer is not None:
            peer.put(DELIVER, sequence, body)

    def _on_bound(self, peer: Peer) -> None:
        if self._smsc.bind_status:
            self.refused_connections += 1
            return
        self.accepted_connections += 1
        waiting = {n: body for n, (old, body) in self._unconfirmed.items() if old is None or not old.open}
        for sequence, body in waiting.items():
            del self._unconfirmed[sequence]
            self._deliver(peer, body)

    def _on_other(self, peer: Peer, command: int, sequence: int) -> None:
        if command == UNBIND:
            peer.put(UNBIND_RESP, sequence)
            peer.open = False
        elif command == DELIVER_RESP:
            self.confirmed += self._unconfirmed.pop(sequence, None) is not None

    def _on_submit(self, peer: Peer, sequence: int) -> None:
        number = len(peer.of(SUBMIT))
        if self.manners.cut_after and number >= self.manners.cut_after:
            peer.cut()
            return
        self._open[peer] += 1
        self.most_unanswered = max(self.most_unanswered, self._open[peer])

        def answer(verdict: Answer) -> None:
            self._open[peer] -= 1
            status = THROTTLED if verdict.throttled else STATUS[verdict.refused] if verdict.refused else 0
            id_ = f"{int(verdict.id):{ID_FORMS[self.manners.id_form][0]}}\0".encode() if verdict.id else b""
            peer.put(SUBMIT_RESP, sequence, id_, status)

        self.submitted(_read(peer.seen[-1][3]), answer)


def _read(body: bytes) -> Seen:
    """A submit_sm."""
    _, _, rest = body.partition(b"\0")
    _, _, rest = rest[2:].partition(b"\0")
    destination, _, rest = rest[2:].partition(b"\0")
    esm_class = rest[0]
    _, _, rest = rest[3:].partition(b"\0")
    _, _, rest = rest.partition(b"\0")
    text = rest[5:]
    if not esm_class & 0x40:
        return Seen(destination.decode(), "")
    reference, total, sequence = text[3:6]
    return Seen(destination.decode(), "", reference, total, sequence)
