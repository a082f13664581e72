"""One bind to a carrier: submits out, answers and receipts in.

In: `submit` with messages, PDUs of the carrier. Out: one result a message to the callback it came with, receipts to
`CarrierCallbacks.on_receipts`, in one batch a read. At most `window` submits are unanswered. One timer a session
looks after all answers that are overdue and after silence. A lost connection makes what was written `Unknown` and
what was not `NotSent`.
"""

import asyncio
from collections.abc import Callable, Sequence

from connectors.carriers.contract import (
    Accepted,
    CarrierCallbacks,
    NotSent,
    OnResult,
    Refused,
    Result,
    Submit,
    Throttled,
    Unknown,
)
from connectors.carriers.smpp import pdu
from connectors.carriers.smpp import status as statuses
from connectors.carriers.smpp.config import SmppConfig
from connectors.carriers.smpp.link import Link
from connectors.carriers.smpp.receipt_intake import Counters, ReceiptIntake
from connectors.carriers.smpp.submit import encode_submit

# Message, part, ids of the parts before it, callback, when it was put.
Flight = tuple[Submit, int, tuple[str, ...], OnResult, float]


class BindRefused(Exception):
    """The carrier did not take the bind; the text is the name of its status."""


class Session(Link):
    """`bound` resolves when the carrier has taken the bind (or raises BindRefused), `closed` when the connection is
    gone."""

    def __init__(
        self, config: SmppConfig, callbacks: CarrierCallbacks, clock: Callable[[], float], counters: Counters
    ) -> None:
        super().__init__()
        self.window = config.window  # submits in flight; may be changed at any time
        self.bound: asyncio.Future[None] = self.loop.create_future()
        self.closed: asyncio.Future[None] = self.loop.create_future()
        self._config = config
        self._callbacks = callbacks
        self._clock = clock
        self._counters = counters
        self._sequence = 0
        self._taking = False
        self._flights: dict[int, Flight] = {}  # by sequence, oldest first
        self._unwritten: list[int] = []  # sequences of submits that have not been handed to the network
        self._results: list[Result] = []
        self._owner: OnResult | None = None
        self._intake = ReceiptIntake(self, callbacks, counters)
        self._heard_at = clock()
        self._asked_at: float | None = None  # an enquire_link (or the bind) is unanswered since
        self._idle: asyncio.Future[None] | None = None  # resolves when nothing is in flight any more
        self._timer: asyncio.TimerHandle | None = None

    # What the carrier object asks

    @property
    def taking(self) -> bool:
        """Whether it is bound and nobody has taken leave."""
        return self._taking

    def room(self) -> int:
        """Free slots of the window; 0 unless bound."""
        if not self._taking or not self.writable:
            return 0
        return max(0, self.window - len(self._flights))

    def submit(self, submits: Sequence[Submit], on_result: OnResult) -> None:
        """Put the first part of each into flight. The caller has looked at `room`."""
        now = self._clock()
        for submit in submits:
            self._put_part(submit, submit.first_part, (), on_result, now)
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
            self.put(pdu.encode(pdu.UNBIND, self._next_sequence()))
            self.flush()
            await asyncio.wait([self.closed], timeout=min(2.0, self._config.response_timeout_seconds))
        self.abort()
        await asyncio.wait([self.closed], timeout=1.0)

    # What the connection tells

    def on_opened(self) -> None:
        self._asked_at = self._clock()
        bind = pdu.Bind(system_id=self._config.system_id, password=self._config.password)
        self.put(pdu.encode_bind(bind, self._next_sequence()))
        self._watch()

    def on_frames(self, buffer: bytes, frames: list[pdu.Frame]) -> None:
        self._heard_at = now = self._clock()
        for command, status, sequence, start, end in frames:
            if command == pdu.SUBMIT_SM_RESP:
                # Trap: the id is read first; were it read after the pop, a broken one would lose the message's result.
                message_id = "" if status else pdu.decode_answer_id(buffer, start, end)
                flight = self._flights.pop(sequence, None)
                if flight is None:
                    self._counters.late_answers += 1
                elif status:
                    self._refused(flight, status)
                else:
                    self._accepted(flight, message_id, now)
            elif command == pdu.DELIVER_SM:
                self._intake.take(buffer, sequence, start, end)
            else:
                self._controlled(command, status, sequence)
        self._hand_over()

    def on_written(self) -> None:
        self._unwritten.clear()

    def on_writable(self) -> None:
        self._callbacks.on_room()

    def on_lost(self, reason: Exception | None) -> None:
        self._taking = False
        if self._timer is not None:
            self._timer.cancel()
        if not self.bound.done():
            self.bound.set_exception(BindRefused("the connection was closed"))
            self.bound.exception()  # seen: nobody may be waiting any more
        unwritten = set(self._unwritten)
        flights, self._flights = self._flights, {}
        for sequence, (submit, part, ids, on_result, _) in flights.items():
            kind = NotSent if sequence in unwritten else Unknown
            self._give(on_result, kind(ref=submit.ref, sent_parts=part, ids=ids))
        self._hand_over()
        if not self.closed.done():
            self.closed.set_result(None)

    # Submits and answers

    def _next_sequence(self) -> int:
        self._sequence = sequence = self._sequence + 1 if self._sequence < pdu.MAX_SEQUENCE else 1
        return sequence

    def _put_part(self, submit: Submit, part: int, ids: tuple[str, ...], on_result: OnResult, now: float) -> None:
        sequence = self._next_sequence()
        try:
            data = encode_submit(submit, part, sequence)
        except pdu.PduError:
            refused = Refused(ref=submit.ref, code="ESME_RINVMSGLEN", klass="permanent", sent_parts=part, ids=ids)
            self._give(on_result, refused)
            return
        self._flights[sequence] = (submit, part, ids, on_result, now)
        self._unwritten.append(sequence)
        self.put(data)

    def _accepted(self, flight: Flight, message_id: str, now: float) -> None:
        submit, part, ids, on_result, _ = flight
        ids = (*ids, message_id) if ids else (message_id,)
        part += 1
        if part < len(submit.parts) and len(ids) != submit.part_count:
            self._put_part(submit, part, ids, on_result, now)
        else:
            self._give(on_result, Accepted(ref=submit.ref, ids=ids))

    def _refused(self, flight: Flight, status: int) -> None:
        submit, part, ids, on_result, _ = flight
        code, klass = statuses.describe(status)
        if klass == "throttled":
            self._give(on_result, Throttled(ref=submit.ref, code=code, sent_parts=part, ids=ids))
        else:
            self._give(on_result, Refused(ref=submit.ref, code=code, klass=klass, sent_parts=part, ids=ids))

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
            elif self._idle is not None and not self._flights and not self._idle.done():
                self._idle.set_result(None)
        self._intake.hand_over()

    # Everything else

    def _controlled(self, command: int, status: int, sequence: int) -> None:
        match command:
            case pdu.BIND_TRANSCEIVER_RESP:
                self._bind_answered(status)
            case pdu.ENQUIRE_LINK:
                self.put(pdu.encode(pdu.ENQUIRE_LINK_RESP, sequence))
            case pdu.ENQUIRE_LINK_RESP:
                self._asked_at = None
            case pdu.UNBIND:
                self._taking = False
                self.put(pdu.encode(pdu.UNBIND_RESP, sequence))
                self.loop.call_soon(self.end)
            case pdu.UNBIND_RESP:
                self.end()
            case pdu.GENERIC_NACK:
                flight = self._flights.pop(sequence, None)
                if flight is not None:
                    self._refused(flight, status or statuses.ESME_RSYSERR)
                elif not self.bound.done():
                    self._bind_answered(status or statuses.ESME_RSYSERR)
            case _ if not command & pdu.ANSWER:
                self.put(pdu.encode(pdu.GENERIC_NACK, sequence, status=statuses.ESME_RINVCMDID))

    def _bind_answered(self, status: int) -> None:
        if self.bound.done():
            return
        self._asked_at = None
        if status:
            self.bound.set_exception(BindRefused(statuses.describe(status)[0]))
            self.end()
        else:
            self._taking = True
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
        if self._asked_at is None and now - self._heard_at >= self._config.enquire_link_seconds:
            self._asked_at = now
            self.put(pdu.encode(pdu.ENQUIRE_LINK, self._next_sequence()))
        self._timer = self.loop.call_later(min(1.0, patience / 4, self._config.enquire_link_seconds / 4), self._watch)

    def _expire(self, limit: float) -> None:
        overdue = []
        for sequence, flight in self._flights.items():
            if flight[4] > limit:
                break
            overdue.append(sequence)
        for sequence in overdue:
            submit, part, ids, on_result, _ = self._flights.pop(sequence)
            self._give(on_result, Unknown(ref=submit.ref, sent_parts=part, ids=ids))
        self._hand_over()
