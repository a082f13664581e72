"""The product's own simulator as a peer, of kind `simulator`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from connectors.carriers.contract import Carrier, CarrierCallbacks, FailureClass
from connectors.carriers.registry import REGISTRY
from connectors.carriers.smpp.carrier import Backoff
from connectors.simulator.log import SubmitLog, read_log
from connectors.simulator.script import Script
from connectors.simulator.server import SimulatorServer
from infra.settings.carriers import KindSettings
from tests.support.carrier_peers.peer import Case, Manners, Seen

STATUS = {"permanent": 0x0B, "transient": 0x08, "unknown": 0x0400}
CODES: Mapping[FailureClass, str] = {"permanent": "ESME_RINVDSTADR", "transient": "ESME_RSYSERR", "unknown": "0x00000400"}
HASTY = Backoff(first=0.02, longest=0.1)


class SimulatorPeer:
    """`Peer` of kind `simulator`."""

    kind: ClassVar[str] = "simulator"
    codes: ClassVar[Mapping[FailureClass, str]] = CODES
    cannot: ClassVar[Mapping[Case, str]] = {}

    def __init__(self, folder: Path) -> None:
        self._path = folder / "submits.csv"
        self._log = SubmitLog(self._path)
        self._server: SimulatorServer

    async def start(self, manners: Manners) -> None:
        self._server = SimulatorServer(_script(manners), self._log)
        await self._server.start("127.0.0.1", 0)

    async def stop(self) -> None:
        await self._server.stop()
        self._log.close()

    def behave(self, manners: Manners) -> None:
        self._server.change(_script(manners))

    def settings(self, patience: float) -> KindSettings:
        return smpp_settings(self.kind, self._server.port, patience)

    def connect(self, settings: KindSettings, callbacks: CarrierCallbacks, *, window: int, binds: int) -> Carrier:
        return hasty(self.kind, settings, callbacks, window=window, binds=binds)

    def seen(self) -> list[Seen]:
        self._log.flush()
        return [Seen(one.destination, one.id, one.reference, one.total, one.sequence) for one in read_log(self._path)]

    def cut(self) -> None:
        self._server.disconnect()

    @property
    def connections(self) -> int:
        return len(self._server.connections)

    @property
    def accepted_connections(self) -> int:
        return self._server.counters.binds

    @property
    def refused_connections(self) -> int:
        return self._server.counters.binds_refused

    @property
    def most_unanswered(self) -> int:
        return self._server.counters.peak_window

    @property
    def confirmed(self) -> int:
        return self._server.counters.receipts_confirmed


def smpp_settings(kind: str, port: int, patience: float) -> KindSettings:
    """Of an SMSC that listens here."""
    row = {"host": "127.0.0.1", "port": port, "system_id": "sluice", "response_timeout_seconds": patience}
    return REGISTRY[kind].settings.from_columns(row, "secret")


def hasty(kind: str, settings: KindSettings, callbacks: CarrierCallbacks, *, window: int, binds: int) -> Carrier:
    """A connection of an SMPP kind that tries again soon."""
    connect: Any = REGISTRY[kind].connect
    carrier: Carrier = connect(settings, callbacks, window=window, binds=binds, random=lambda: 0.0, backoff=HASTY)
    return carrier


def _script(manners: Manners) -> Script:
    return Script(
        system_id="somebody-else" if manners.refuses_account else None,
        answer_delay_seconds=manners.answer_delay_seconds,
        lose_answer_every=manners.silent_every,
        throttle_every=manners.throttle_every,
        error_every=manners.refuse_every,
        error_status=STATUS["permanent"],
        error_suffixes={end: STATUS[klass] for end, klass in manners.refuse.items()},
        disconnect_after=manners.cut_after,
        states=dict(manners.states),
        receipt_early_every=manners.receipt_early_every,
        receipt_late_every=manners.receipt_late_every,
        receipt_late_seconds=0.1,
        receipt_twice_every=manners.receipt_twice_every,
        receipt_never_every=manners.receipt_never_every,
        receipt_unknown_every=manners.receipt_unknown_every,
        id_form=manners.id_form,  # type: ignore[arg-type]  # why: the suite asks for the forms that there are
        first_id=0x1ABCDE,
    )
