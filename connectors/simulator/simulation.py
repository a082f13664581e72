"""What all connections of one simulator share: script, ids, clocks, counters, receipts that wait.

In: the script, the log, a clock. Out: ids in the script's forms, the outbox of each system_id, answers and receipts
when they are due. Knows connections only as links to be cut and as calls that take an answer.
"""

import asyncio
import time
from collections.abc import Callable

import msgspec

from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.link import Link
from connectors.simulator.delay_line import DelayLine
from connectors.simulator.held import HeldReceipts
from connectors.simulator.log import SubmitLog
from connectors.simulator.notice import Notice
from connectors.simulator.outbox import Outbox, Receiver
from connectors.simulator.rules import Rules
from connectors.simulator.script import Script
from schemas.values.command_status import ESME_RALYBND, ESME_RINVPASWD, ESME_RINVSYSID, ESME_ROK

_STRAY = 1 << 60  # ids beyond it are never issued
_ID_FORMS = {"dec": (b"%d", b"%d"), "hex": (b"%x", b"%x"), "hex-dec": (b"%x", b"%d"), "dec-hex": (b"%d", b"%x")}


class Counters(msgspec.Struct):
    """What happened since the start. `peak_window`: most submits unanswered on one connection; `peak_binds`: most
    connections of one system_id that were bound at a time; `refused` holds throttles."""

    binds: int = 0
    binds_refused: int = 0
    submits: int = 0
    accepted: int = 0
    refused: int = 0
    answers_lost: int = 0
    disconnects: int = 0
    peak_window: int = 0
    peak_binds: int = 0
    receipts_sent: int = 0
    receipts_confirmed: int = 0
    receipts_refused: int = 0


class Simulation:
    """`clock` gives seconds since the epoch; `now` and `monotonic` are as of the last `tick`."""

    def __init__(self, script: Script, log: SubmitLog, *, clock: Callable[[], float] = time.time) -> None:
        self.script = script
        self.rules = Rules(script)
        self.log = log
        self.counters = Counters()
        self.connections: set[Link] = set()
        self.now = clock()
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self.monotonic = self._loop.time()
        self.answers: DelayLine[tuple[Callable[[bytes], None], bytes]] = DelayLine(self._loop, self._answers_due)
        self.receipts: DelayLine[tuple[Outbox, Receiver | None, Notice]] = DelayLine(self._loop, self._receipts_due)
        self.held = HeldReceipts(self._loop)
        self.bound: dict[str, int] = {}
        self._outboxes: dict[str, Outbox] = {}
        self._last_id = (script.first_id or int(self.now * 1_000_000)) - 1

    @property
    def waiting_receipts(self) -> int:
        """Receipts that are due later or wait for a bind."""
        return len(self.receipts) + sum(len(outbox) for outbox in self._outboxes.values())

    def tick(self) -> None:
        """Look at the clocks, once a batch."""
        self.now = self._clock()
        self.monotonic = self._loop.time()

    def check(self, bind: pdu.Bind) -> int:
        """The status that a bind is answered with."""
        if self.script.system_id is not None and bind.system_id != self.script.system_id:
            return ESME_RINVSYSID
        if self.script.password is not None and bind.password != self.script.password:
            return ESME_RINVPASWD
        if 0 < self.script.most_binds <= self.bound.get(bind.system_id, 0):
            return ESME_RALYBND
        return ESME_ROK

    def note_bind(self, system_id: str, change: int) -> None:
        """One more connection of this account is bound, or one less."""
        bound = self.bound[system_id] = self.bound.get(system_id, 0) + change
        self.counters.peak_binds = max(self.counters.peak_binds, bound)

    def outbox(self, system_id: str) -> Outbox:
        if system_id not in self._outboxes:
            self._outboxes[system_id] = Outbox(self.script.receipt_queue)
        return self._outboxes[system_id]

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    @property
    def id_forms(self) -> tuple[bytes, bytes]:
        """How the number of an id is written in the answer and in the receipt."""
        return _ID_FORMS[self.script.id_form]

    def stray_id(self, number: int) -> bytes:
        return self.id_forms[1] % (number | _STRAY)

    def _answers_due(self, due: list[tuple[Callable[[bytes], None], bytes]]) -> None:
        for answer, data in due:
            answer(data)

    def _receipts_due(self, due: list[tuple[Outbox, Receiver | None, Notice]]) -> None:
        self.tick()
        places: dict[tuple[int, int], tuple[Outbox, Receiver | None, list[Notice]]] = {}
        for outbox, home, notice in due:
            places.setdefault((id(outbox), id(home)), (outbox, home, []))[2].append(notice)
        for outbox, home, notices in places.values():
            outbox.add(notices, home)
