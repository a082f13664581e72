"""What peers have in common that are written for the tests: manners applied to submits, receipts kept until confirmed.

In: submits as the protocol's side has read them. Out: for each what to answer and when; receipts to send. Knows no protocol.
"""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from connectors.carriers.contract import FailureClass
from tests.support.carrier_peers.peer import Manners, Seen

LATE_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`id` when taken, else why not."""

    id: str = ""
    refused: FailureClass | None = None
    throttled: bool = False


@dataclass(frozen=True, kw_only=True)
class Due:
    """A receipt to send."""

    id: str
    destination: str
    state: str


class ScriptedPeer(ABC):
    """`submitted` for each submit; `cuts` before it, whether the connection ends instead."""

    def __init__(self) -> None:
        self.manners = Manners()
        self.confirmed = self.refused_connections = self.accepted_connections = self.most_unanswered = 0
        self._seen: list[Seen] = []
        self._count = 0
        self._ids = itertools.count(1_000_000)

    def behave(self, manners: Manners) -> None:
        self.manners = manners

    def seen(self) -> list[Seen]:
        return self._seen

    @abstractmethod
    def send(self, receipts: Sequence[Due]) -> None:
        """To the carrier under test, again and again until it confirms them."""

    def submitted(self, submit: Seen, answer: Callable[[Answer], None]) -> None:
        """One came; `answer` is called unless the answer stays out."""
        self._count += 1
        count, manners = self._count, self.manners
        verdict = self._judge(submit.destination)
        self._seen.append(replace_id(submit, verdict.id))
        loop = asyncio.get_running_loop()
        early = bool(verdict.id) and due(count, manners.receipt_early_every)
        if early:
            self._report(count, submit, verdict.id)
        if not (verdict.id and due(count, manners.silent_every)):
            loop.call_later(manners.answer_delay_seconds, answer, verdict)
        if verdict.id and not early:
            late = LATE_SECONDS if due(count, manners.receipt_late_every) else 0.0
            loop.call_later(manners.answer_delay_seconds + late, self._report, count, submit, verdict.id)

    def _judge(self, destination: str) -> Answer:
        manners = self.manners
        for end, klass in manners.refuse.items():
            if destination.endswith(end):
                return Answer(refused=klass)
        if due(self._count, manners.throttle_every):
            return Answer(throttled=True)
        if due(self._count, manners.refuse_every):
            return Answer(refused="permanent")
        return Answer(id=str(next(self._ids)))

    def _report(self, count: int, submit: Seen, id_: str) -> None:
        manners = self.manners
        state = next((state for state, every in manners.states.items() if due(count, every)), "DELIVRD")
        one = Due(id=id_, destination=submit.destination, state=state)
        times = 0 if due(count, manners.receipt_never_every) else 1 + due(count, manners.receipt_twice_every)
        strays = [replace(one, id=f"9{id_}")] if due(count, manners.receipt_unknown_every) else []
        self.send([one] * times + strays)


def due(count: int, every: int) -> bool:
    """Whether it is the turn of this one."""
    return every > 0 and count % every == 0


def replace_id(submit: Seen, id_: str) -> Seen:
    """The submit with what it was given."""
    return submit._replace(id=id_)
