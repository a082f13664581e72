"""One bind to a carrier: submits out, answers and receipts in.

In: `submit` with messages, PDUs of the carrier. Out: one result a message to the callback it came with, receipts to
`CarrierCallbacks.on_receipts`, in one batch a read. At most `window` submits are unanswered. One timer a session looks
after all answers that are overdue and after silence. A lost connection makes what was written `Unknown`, the rest
`NotSent`. An answer that comes too late still gives its result (`Overdue`). After the carrier's own `unbind` nothing new
goes out: what was not written is `NotSent`, the answers of the rest are awaited for a moment (`UnbindHandling`).
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain, groupby, takewhile
from operator import itemgetter

from connectors.carriers.contract import Accepted, CarrierCallbacks, NotSent, OnResult, Result, Submit
from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.flight import Flight, Overdue, SubmitBatch, flight_of, refusal, unanswered
from connectors.carriers.smpp.link import BindRefused, Link
from connectors.carriers.smpp.receipt_intake import Counters, ReceiptIntake
from connectors.carriers.smpp.submit import encode_submit, encode_submits, has_more, unsendable
from connectors.carriers.smpp.unbind_handling import UnbindHandling
from infra.settings.carriers import SmppSettings
from schemas.values import command_status as statuses
from schemas.values.text import TextError

_COMMAND = itemgetter(0)


class Session(Link):
    """`bound` resolves when the carrier has taken the bind (or raises BindRefused), `closed` when the connection ends."""

    def __init__(
        self,
        config: SmppSettings,
        window: int,
        callbacks: CarrierCallbacks,
        clock: Callable[[], float],
        counters: Counters,
        bind_as: int = pdu.BIND_TRANSCEIVER,
    ) -> None:
        super().__init__()
        self._bind_as = bind_as
        self.window = window  # submits in flight; may be changed at any time
        self.bound: asyncio.Future[None] = self.loop.create_future()
        self.closed: asyncio.Future[None] = self.loop.create_future()
        self._config = config
        self._callbacks = callbacks
        self._clock = clock
        self._counters = counters
        self._sequence = 0
        self._taking = False
        self._flights: dict[int, SubmitBatch | Flight] = {}  # by sequence, oldest first
        self._overdue = Overdue()
        self._unbinding = UnbindHandling(self, config.response_timeout_seconds)
        self._unwritten: list[range] = []  # sequences of submits that have not been handed to the network
        self._results: list[Result] = []
        self._owner: OnResult | None = None
        self._own_classes = config.own_classes
        self._intake = ReceiptIntake(self, callbacks, counters, config.own_states)
        self._heard_at = clock()
        self._asked_at: float | None = None  # an enquire_link (or the bind) is unanswered since
        self._idle: asyncio.Future[None] | None = None  # resolves when nothing is in flight any more
        self._timer: asyncio.TimerHandle | None = None

    # What the carrier object asks

    @property
    def taking(self) -> bool:
        """Whether it is bound, for more than receipts, and nobody has taken leave."""
        return self._taking and self._bind_as != pdu.BIND_RECEIVER

    def room(self) -> int:
        """Free slots of the window; 0 unless bound."""
        return max(0, self.window - len(self._flights)) if self.taking and self.writable else 0

    def submit(self, submits: Sequence[Submit], on_result: OnResult) -> None:
        """Put the first part of each into flight. The caller has looked at `room`."""
        now, first, flights = self._clock(), self._reserve(len(submits)), self._flights
        burst = SubmitBatch(first=first, refs=[submit.ref for submit in submits], on_result=on_result, at=now)
        pdus, several = encode_submits(submits, first, self._config.long_messages)
        for sequence, submit, data in zip(range(first, first + len(submits)), submits, pdus, strict=True):
            if data is None:
                self._give(on_result, unsendable(submit, submit.first_part, ()))
            elif sequence not in several:
                flights[sequence] = burst
            else:
                flights[sequence] = Flight(
                    ref=submit.ref, part=submit.first_part, ids=(), on_result=on_result, at=now, submit=submit
                )
        self._unwritten.append(range(first, first + len(submits)))
        self.put_all(filter(None, pdus))
        if self._results:
            self.loop.call_soon(self._hand_over)

    async def leave(self) -> None:
        """Wait for open answers, at most as long as answers may take, then unbind and close."""
        self._taking = False
        if self._flights and self.up:
            self._idle = self.loop.create_future()
            patience = self._config.response_timeout_seconds
            await asyncio.wait([self._idle, self.closed], timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if self.up:
            self.put(pdu.encode(pdu.UNBIND, self._reserve(1)))
            self.flush()
            await asyncio.wait([self.closed], timeout=min(2.0, self._config.response_timeout_seconds))
        self.abort()
        await asyncio.wait([self.closed], timeout=1.0)

    # What the connection tells

    def on_opened(self) -> None:
        self._asked_at = self._clock()
        bind = pdu.Bind(system_id=self._config.system_id, password=self._config.password.get_secret_value())
        self.put(pdu.encode_bind(bind, self._reserve(1), self._bind_as))
        self._watch()

    def on_frames(self, buffer: bytes, frames: list[pdu.Frame]) -> None:
        self._heard_at = now = self._clock()
        for command, run in groupby(frames, _COMMAND):
            if command == pdu.SUBMIT_SM_RESP:
                self._answered(buffer, run, now)
            elif command in (pdu.DELIVER_SM, pdu.DATA_SM):
                self._intake.read_receipts(buffer, run)
            else:
                for _, status, sequence, _, _ in run:
                    self._controlled(command, status, sequence)
        self._hand_over()

    def on_written(self) -> None:
        self._unwritten.clear()

    def on_writable(self) -> None:
        self._callbacks.on_room()

    def on_lost(self, reason: Exception | None) -> None:
        self._taking = False
        self._unbinding.cancel()
        if self._timer is not None:
            self._timer.cancel()
        if not self.bound.done():
            self.bound.set_exception(BindRefused("the connection was closed"))
            self.bound.exception()  # seen: nobody may be waiting any more
        self._give_back_unwritten()
        flights, self._flights = self._flights, {}
        for sequence, entry in flights.items():
            self._give(entry.on_result, unanswered(flight_of(entry, sequence), lost=True))
        self._hand_over()
        if not self.closed.done():
            self.closed.set_result(None)

    # Submits and answers

    def _reserve(self, count: int) -> int:
        """The first of so many sequence numbers that follow each other."""
        if self._sequence > pdu.MAX_SEQUENCE - count:
            self._sequence = 0
        self._sequence += count
        return self._sequence - count + 1

    def _answered(self, buffer: bytes, run: Iterable[pdu.Frame], now: float) -> None:
        take, decode = self._flights.pop, pdu.decode_answer_id
        for _, status, sequence, start, end in run:
            # Trap: the id is read first; were it read after the pop, a broken one would lose the message's result.
            message_id = "" if status else decode(buffer, start, end)
            entry = take(sequence, None) or self._late(sequence)
            if entry is None:
                continue
            if status:
                self._give(entry.on_result, refusal(flight_of(entry, sequence), status, self._own_classes))
            elif type(entry) is SubmitBatch:
                self._give(entry.on_result, Accepted(ref=entry.refs[sequence - entry.first], ids=(message_id,)))
            else:
                self._accepted(flight_of(entry, sequence), message_id, now)

    def _late(self, sequence: int) -> Flight | None:
        """Whose answer this is that nobody waits for, if it is one of ours."""
        self._counters.late_answers += 1
        return self._overdue.pop(sequence)

    def _accepted(self, flight: Flight, message_id: str, now: float) -> None:
        """One part of several is taken: the next goes, or that was all."""
        submit, part, ids = flight.submit, flight.part + 1, (*flight.ids, message_id)
        if submit is None or not has_more(submit, part, len(ids)):
            self._give(flight.on_result, Accepted(ref=flight.ref, ids=ids))
            return
        if self._unbinding.begun:
            self._give(flight.on_result, NotSent(ref=flight.ref, sent_parts=part, ids=ids))
            return
        sequence = self._reserve(1)
        try:
            data = encode_submit(submit, part, sequence, self._config.long_messages)
        except (pdu.PduError, TextError):
            self._give(flight.on_result, unsendable(submit, part, ids))
            return
        self._flights[sequence] = replace(flight, part=part, ids=ids, at=now)
        self._unwritten.append(range(sequence, sequence + 1))
        self.put(data)

    def _give(self, on_result: OnResult, result: Result) -> None:
        if self._owner is not on_result and self._results:
            self._hand_over_results()
        self._owner = on_result
        self._results.append(result)

    def _hand_over_results(self) -> None:
        results, self._results = self._results, []
        if results and self._owner is not None:
            self._owner(results)

    def _hand_over(self) -> None:
        """Results before receipts: a message is to be known by its id when its receipt came in the same read."""
        if self._results:
            self._hand_over_results()
            if self._taking:
                self._callbacks.on_room()
            elif not self._flights:
                self._nothing_in_flight()
        self._intake.hand_over()

    def _nothing_in_flight(self) -> None:
        """What a leave waits for, the carrier's or ours."""
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
        self._unbinding.nothing_in_flight()

    # Everything else

    def _controlled(self, command: int, status: int, sequence: int) -> None:
        match command:
            case _ if command in pdu.BIND_ANSWERS:
                self._bind_answered(status)
            case pdu.ENQUIRE_LINK:
                self.put(pdu.encode(pdu.ENQUIRE_LINK_RESP, sequence))
            case pdu.ENQUIRE_LINK_RESP:
                self._asked_at = None
            case pdu.UNBIND:
                self._taking = False
                self._give_back_unwritten()
                self._unbinding.begin(sequence, in_flight=bool(self._flights))
            case pdu.UNBIND_RESP:
                self.end()
            case pdu.GENERIC_NACK:
                self._nacked(status or statuses.ESME_RSYSERR, sequence)
            case _ if not command & pdu.ANSWER and command not in pdu.UNANSWERED:
                self.put(pdu.encode(pdu.GENERIC_NACK, sequence, status=statuses.ESME_RINVCMDID))

    def _give_back_unwritten(self) -> None:
        """Of these submits no byte leaves."""
        self.withdraw(pdu.SUBMIT_SM)
        for sequence in chain.from_iterable(self._unwritten):
            entry = self._flights.pop(sequence, None)
            if entry is not None:
                flight = flight_of(entry, sequence)
                self._give(flight.on_result, NotSent(ref=flight.ref, sent_parts=flight.part, ids=flight.ids))
        self._unwritten.clear()

    def _nacked(self, status: int, sequence: int) -> None:
        entry = self._flights.pop(sequence, None) or self._overdue.pop(sequence)
        if entry is not None:
            self._give(entry.on_result, refusal(flight_of(entry, sequence), status, self._own_classes))
        elif not self.bound.done():
            self._bind_answered(status)

    def _bind_answered(self, status: int) -> None:
        if self.bound.done():
            return
        self._asked_at = None
        if status:
            self.bound.set_exception(BindRefused(statuses.describe(status)[0]))
            self.end()
        else:
            self._taking = not self._unbinding.begun
            self.bound.set_result(None)

    def _watch(self) -> None:
        """Overdue answers, silence, a dead peer; comes again by itself while the connection stands."""
        now = self._clock()
        patience = self._config.response_timeout_seconds
        self._expire(now - patience)
        if self._asked_at is not None and self._heard_at > self._asked_at and self.bound.done():
            self._asked_at = None
        if self._asked_at is not None and now - self._asked_at >= patience:
            self.abort()
            return
        silent = now - self._heard_at >= self._config.enquire_link_seconds
        if silent and self._asked_at is None and not self._unbinding.begun:
            self._asked_at = now
            self.put(pdu.encode(pdu.ENQUIRE_LINK, self._reserve(1)))
        self._timer = self.loop.call_later(min(1.0, patience / 4, self._config.enquire_link_seconds / 4), self._watch)

    def _expire(self, limit: float) -> None:
        overdue = list(takewhile(lambda sequence: self._flights[sequence].at <= limit, self._flights))
        for sequence in overdue:
            flight = flight_of(self._flights.pop(sequence), sequence)
            self._overdue.remember(sequence, flight)
            self._give(flight.on_result, unanswered(flight, lost=False))
        self._overdue.drop(limit)
        self._hand_over()
