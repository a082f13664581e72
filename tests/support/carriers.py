"""A carrier connection and the counterpart it talks to, for the carrier suite: one harness an implementation.

In: how the counterpart is to behave. Out: the carrier under test, all results and receipts it gave, and what the
counterpart says it got. `until` waits for a condition with a deadline and fails the test when it passes.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from connectors.carriers.contract import Acknowledge, CarrierCallbacks, Receipt, Result, Submit, Unreadable
from connectors.carriers.smpp.carrier import Backoff, SmppCarrier
from connectors.simulator.log import Entry, SubmitLog, read_log
from connectors.simulator.script import Script
from connectors.simulator.server import SimulatorServer
from infra.settings.carriers import SmppSettings
from schemas.values.ids import MessageId
from schemas.values.text import PART
from tests.support.waiting import until

WINDOW = 10
BINDS = 2


def id_of(ref: int) -> MessageId:
    """The id of the message with this `ref`."""
    return MessageId(f"msg_{'0' * 26}_0_{ref}")


def submits(count: int, *, parts: int = 1, first: int = 0) -> list[Submit]:
    """Messages to different destinations; `ref` counts from `first`."""
    text = "x" * (PART["gsm7"] * (parts - 1)) + "and this is the end"
    return [
        Submit(
            ref=ref,
            id_of=id_of,
            sender="Sluice",
            destination=f"49151{ref:08}",
            text=text,
            validity_seconds=86_400,
            parts=parts,
        )
        for ref in range(first, first + count)
    ]


def never_unreadable(what: Unreadable, acknowledge: Acknowledge) -> None:
    """For counterparts all of whose receipts can be read."""
    raise AssertionError(what.why)


class SmppHarness:
    """An SmppCarrier against the simulator. `answer_at_once`: receipts are confirmed when they come."""

    def __init__(self, folder: Path, *, patience: float = 5.0, answer_at_once: bool = True) -> None:
        self.results: list[Result] = []
        self.receipts: list[Receipt] = []
        self.unconfirmed: list[Acknowledge] = []
        self.answer_at_once = answer_at_once
        self._patience = patience
        self._path = folder / "submits.csv"
        self._log = SubmitLog(self._path)
        self._waiting: list[Submit] = []
        self.server: SimulatorServer
        self.carrier: SmppCarrier

    async def start(self, script: Script | None = None, *, listen: bool = True) -> Self:
        self.server = SimulatorServer(script or Script(), self._log)
        await self.server.start("127.0.0.1", 0)
        settings = SmppSettings(
            host="127.0.0.1",
            port=self.server.port,
            system_id="sluice",
            password=SecretStr("secret"),
            response_timeout_seconds=self._patience,
        )
        self.carrier = SmppCarrier(
            settings,
            CarrierCallbacks(on_receipts=self._on_receipts, on_room=self._on_room, on_unreadable=never_unreadable),
            window=WINDOW,
            binds=BINDS,
            random=lambda: 0.0,
            backoff=Backoff(first=0.02, longest=0.1),
        )
        if listen:
            await self.open()
        return self

    async def open(self) -> None:
        await self.carrier.open()
        await until(lambda: self.carrier.room() == WINDOW * BINDS)

    async def stop(self) -> None:
        await self.carrier.close()
        await self.server.stop()
        self._log.close()

    async def send_all(self, messages: list[Submit]) -> dict[int, Result]:
        """Send as room allows, until each has a result."""
        before = len(self.results)
        self._waiting = list(messages)
        self._on_room()
        await until(lambda: len(self.results) - before >= len(messages))
        return self.by_ref()

    def by_ref(self) -> dict[int, Result]:
        """The last result of each message."""
        return {result.ref: result for result in self.results}

    def results_each(self) -> Counter[int]:
        """How many results each message got."""
        return Counter(result.ref for result in self.results)

    def taken(self) -> list[Entry]:
        """What the counterpart accepted, by its own log."""
        return [entry for entry in self.seen() if entry.status == 0]

    def seen(self) -> list[Entry]:
        self._log.flush()
        return read_log(self._path)

    def behave(self, **changes: object) -> None:
        """From now on the counterpart follows a script of these fields alone."""
        self.server.change(Script(**changes))  # type: ignore[arg-type]

    def _on_receipts(self, receipts: list[Receipt], acknowledge: Acknowledge) -> None:
        self.receipts += receipts
        if self.answer_at_once:
            acknowledge()
        else:
            self.unconfirmed.append(acknowledge)

    def _on_room(self) -> None:
        room = self.carrier.room()
        if self._waiting and room:
            batch, self._waiting = self._waiting[:room], self._waiting[room:]
            self.carrier.send(batch, self.results.extend)


HARNESSES = {"smpp": SmppHarness}
Start = Callable[..., Awaitable[SmppHarness]]
