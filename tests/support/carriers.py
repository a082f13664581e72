"""A carrier connection and the counterpart it talks to, for the carrier suite, typed by the contract alone.

In: how the counterpart is to behave. Out: the carrier under test, all results and receipts it gave, and what the
counterpart says it got. `until` waits for a condition with a deadline and fails the test when it passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable
from typing import Protocol, Self

from connectors.carriers.contract import Acknowledge, Carrier, CarrierCallbacks, Receipt, Result, Submit, Unreadable
from schemas.values.ids import MessageId
from schemas.values.text import PART
from tests.support.carrier_peers.peer import Case, Manners, Peer, Seen
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


class CarrierHarness:
    """A connection of the peer's kind to it. `answer_at_once`: receipts are confirmed when they come."""

    def __init__(self, peer: Peer, *, patience: float = 5.0, answer_at_once: bool = True) -> None:
        self.peer = peer
        self.results: list[Result] = []
        self.receipts: list[Receipt] = []
        self.unreadable: list[Unreadable] = []
        self.unconfirmed: list[Acknowledge] = []
        self.answer_at_once = answer_at_once
        self._patience = patience
        self._waiting: list[Submit] = []
        self.carrier: Carrier

    async def start(self, manners: Manners, *, listen: bool = True) -> Self:
        await self.peer.start(manners)
        callbacks = CarrierCallbacks(on_receipts=self._on_receipts, on_room=self._on_room, on_unreadable=self._on_unreadable)
        self.carrier = self.peer.connect(self.peer.settings(self._patience), callbacks, window=WINDOW, binds=BINDS)
        if listen:
            await self.open()
        return self

    async def open(self) -> None:
        await self.carrier.open()
        await self.until_full_room()

    async def until_full_room(self) -> None:
        """The carrier stands, with nothing in flight."""
        await until(lambda: self.carrier.room() == WINDOW * BINDS)

    async def stop(self) -> None:
        await self.carrier.close()
        await self.peer.stop()

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

    def submits_of(self, parts: int) -> int:
        """How many submits a message of so many segments makes."""
        return 1 if Case.SEGMENTS in self.peer.cannot else parts

    def taken(self) -> list[Seen]:
        """What the counterpart accepted, by its own word."""
        return [one for one in self.peer.seen() if one.id]

    def _on_receipts(self, receipts: list[Receipt], acknowledge: Acknowledge) -> None:
        self.receipts += receipts
        self._confirm(acknowledge)

    def _on_unreadable(self, what: Unreadable, acknowledge: Acknowledge) -> None:
        self.unreadable.append(what)
        self._confirm(acknowledge)

    def _confirm(self, acknowledge: Acknowledge) -> None:
        if self.answer_at_once:
            acknowledge()
        else:
            self.unconfirmed.append(acknowledge)

    def _on_room(self) -> None:
        room = self.carrier.room()
        if self._waiting and room:
            batch, self._waiting = self._waiting[:room], self._waiting[room:]
            self.carrier.send(batch, self.results.extend)


class Start(Protocol):
    """Starts a harness of the kind under test."""

    def __call__(
        self, manners: Manners = ..., *, patience: float = ..., listen: bool = ..., answer_at_once: bool = ...
    ) -> Awaitable[CarrierHarness]: ...
