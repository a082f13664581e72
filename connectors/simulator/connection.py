"""One ESME's connection to the simulator.

In: binds, submits, receipts' answers. Out: answers and receipts as the script wants them, every submit in the log
before its answer can leave. A connection that is lost gives its unconfirmed receipts back to the outbox of its
system_id.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.link import Link
from connectors.simulator import log
from connectors.simulator.notice import Notice, ReceiptHead, encode_notices
from connectors.simulator.outbox import Outbox, Receiver
from connectors.simulator.plain_batch import PlainBatch
from connectors.simulator.rules import Verdict
from connectors.simulator.simulation import Simulation
from connectors.simulator.submit_reader import SubmitReader, Surroundings, part_of
from schemas.values import command_status as statuses

_BINDS = {pdu.BIND_TRANSCEIVER, pdu.BIND_TRANSMITTER, pdu.BIND_RECEIVER}
_PUT_OFF = {statuses.ESME_RX_T_APPN, statuses.ESME_RMSGQFUL, statuses.ESME_RTHROTTLED}
_COMMAND = itemgetter(0)


class Connection(Link):
    """`open_answers`: submits that came and were not answered; its peak is the window the ESME used."""

    def __init__(self, simulation: Simulation, number: int) -> None:
        super().__init__()
        self.number = number
        self.open_answers = 0
        self._simulation = simulation
        self._reader = SubmitReader()
        self._bound_as = 0
        self._system_id = ""
        self._outbox: Outbox | None = None
        self._submits = 0
        self._sequence = 0
        self._unconfirmed: dict[int, Notice] = {}
        self._fresh: list[Notice] = []  # receipts that are due with this batch

    # Receiver

    def receipt_room(self) -> int:
        return self._simulation.script.receipt_window - len(self._unconfirmed) if self.up and self.writable else 0

    @property
    def _home(self) -> Receiver | None:
        """Where receipts of submits on this connection go: here, or anywhere."""
        return self if self._simulation.script.receipts_on == "submitter" else None

    def deliver(self, notices: Sequence[Notice]) -> None:
        simulation = self._simulation
        if self._sequence > pdu.MAX_SEQUENCE - len(notices):
            self._sequence = 0
        first = self._sequence + 1
        self._sequence += len(notices)
        self._unconfirmed.update(enumerate(notices, first))
        simulation.counters.receipts_sent += len(notices)
        self.put_all(encode_notices(notices, simulation.script.receipt_form, first, simulation.now))

    # Link

    def on_opened(self) -> None:
        self._simulation.connections.add(self)

    def on_frames(self, buffer: bytes, frames: list[pdu.Frame]) -> None:
        self._simulation.tick()
        try:
            for command, run in groupby(frames, _COMMAND):
                if command == pdu.SUBMIT_SM:
                    if not self._submitted(buffer, run):
                        return
                elif command == pdu.DELIVER_SM_RESP:
                    self._confirmed(run)
                else:
                    for _, _, sequence, start, end in run:
                        self._controlled(command, buffer, sequence, start, end)
        finally:
            self._simulation.log.flush()  # also when a broken PDU ends this: the answers to those before it leave
        if self._outbox is not None:
            fresh, self._fresh = self._fresh, []
            self._outbox.add(fresh, self._home)

    def on_writable(self) -> None:
        if self._outbox is not None:
            self._outbox.pump()

    def on_lost(self, reason: Exception | None) -> None:
        self._simulation.connections.discard(self)
        self._simulation.log.flush()
        if self._bound_as:
            self._simulation.note_bind(self._system_id, -1)
        if self._outbox is not None:
            unconfirmed, self._unconfirmed = [*self._unconfirmed.values(), *self._fresh], {}
            self._outbox.leave(self, unconfirmed)

    # Submits

    def _submitted(self, buffer: bytes, run: Iterable[pdu.Frame]) -> bool:
        """False when the script ends the connection here."""
        script = self._simulation.script
        if self._bound_as not in (pdu.BIND_TRANSCEIVER, pdu.BIND_TRANSMITTER):
            for _, _, sequence, _, _ in run:
                self.put(pdu.encode(pdu.SUBMIT_SM_RESP, sequence, status=statuses.ESME_RINVBNDSTS))
            return True
        if not script.plain or script.disconnect_after:
            return all(self._judged(buffer, sequence, start, end) for _, _, sequence, start, end in run)
        batch = PlainBatch(self._simulation, self._reader, self.number)
        try:
            batch.read_submits(buffer, run)
        finally:
            self._taken(batch)
        return True

    def _taken(self, batch: PlainBatch) -> None:
        simulation, count = self._simulation, len(batch.answers)
        script, counters = simulation.script, simulation.counters
        simulation.log.add(batch.lines)
        self._submits += count
        counters.submits += count
        counters.accepted += count
        if script.answer_delay_seconds:
            self._opened(count)
            due = self.loop.time() + script.answer_delay_seconds
            for answer in batch.answers:
                simulation.answers.push(due, (self.answer, answer))
        elif count:
            self._opened(1)
            self.open_answers -= 1
            self.put_all(batch.answers)
        self._send_later(batch.notices, script.receipt_delay_seconds)

    def _opened(self, count: int) -> None:
        counters = self._simulation.counters
        self.open_answers += count
        counters.peak_window = max(counters.peak_window, self.open_answers)

    def _send_later(self, notices: Sequence[Notice], delay: float) -> None:
        """With this batch, after `delay` seconds, or when they are released."""
        simulation = self._simulation
        if simulation.script.hold and self._outbox is not None:
            notices = simulation.held.hold(notices, self._outbox, self._home, simulation.script.receipt_queue)
        if delay:
            self._delay(notices, delay)
        else:
            self._fresh += notices

    def _delay(self, notices: Sequence[Notice], delay: float) -> None:
        if self._outbox is not None:
            due, home = self.loop.time() + delay, self._home
            for notice in notices:
                self._simulation.receipts.push(due, (self._outbox, home, notice))

    # Submits, by a script with rules

    def _judged(self, buffer: bytes, sequence: int, start: int, end: int) -> bool:
        """False when the script ends the connection here."""
        simulation = self._simulation
        self._submits += 1
        if simulation.script.disconnect_after and self._submits >= simulation.script.disconnect_after:
            simulation.counters.disconnects += 1
            self.abort()
            return False
        destination, around, text, text_end = self._reader.read(buffer, start, end)
        self._opened(1)
        simulation.counters.submits += 1
        verdict = simulation.rules.judge(simulation.counters.submits, destination.decode("latin-1"), simulation.monotonic)
        number = simulation.next_id() if verdict.status == 0 else 0
        message_id = simulation.id_forms[0] % number if number else b""
        if simulation.log.on:
            part, octets = part_of(around, buffer, text, text_end, end)
            stamp, middle = log.stamp(simulation.now, self.number), log.middle(around.source, part)
            simulation.log.add([log.line(stamp, destination, middle, octets, message_id, verdict.status)])
        if number and verdict.early:
            self._report(destination, around, verdict, number)
        self._answer(sequence, verdict, message_id)
        if number and not verdict.early:
            self._report(destination, around, verdict, number)
        return True

    def _answer(self, sequence: int, verdict: Verdict, message_id: bytes) -> None:
        simulation = self._simulation
        if message_id:
            simulation.counters.accepted += 1
            data = pdu.encode(pdu.SUBMIT_SM_RESP, sequence, message_id + b"\0")
        else:
            simulation.counters.refused += 1
            data = pdu.encode(pdu.SUBMIT_SM_RESP, sequence, status=verdict.status)
        if not verdict.answered:
            simulation.counters.answers_lost += 1
        elif simulation.script.answer_delay_seconds:
            simulation.answers.push(self.loop.time() + simulation.script.answer_delay_seconds, (self.answer, data))
        else:
            self.answer(data)

    def answer(self, data: bytes) -> None:
        """An answer to a submit leaves."""
        self.open_answers -= 1
        self.put(data)

    def _report(self, destination: bytes, around: Surroundings, verdict: Verdict, number: int) -> None:
        """The receipts of one submit, now or later."""
        simulation = self._simulation
        if not around.wants_receipt:
            return
        ids = [simulation.id_forms[1] % number] * verdict.receipts + [simulation.stray_id(number)] * verdict.stray
        fate = ReceiptHead(state=verdict.state, sender=around.source, submitted_at=simulation.now)
        notices = [Notice(receipt_id=receipt_id, handset=destination, fate=fate) for receipt_id in ids]
        now = 0
        if verdict.early and not simulation.script.hold and self._bound_as == pdu.BIND_TRANSCEIVER:
            now = max(0, min(self.receipt_room(), len(notices)))
            self.deliver(notices[:now])
        script = simulation.script
        self._send_later(notices[now:], script.receipt_late_seconds if verdict.late else script.receipt_delay_seconds)

    def _confirmed(self, run: Iterable[pdu.Frame]) -> None:
        take, counters, confirmed = self._unconfirmed.pop, self._simulation.counters, 0
        for _, status, sequence, _, _ in run:
            notice = take(sequence, None)
            if notice is None:
                continue
            if status == 0:
                confirmed += 1
            elif status in _PUT_OFF and self._outbox is not None:
                self._delay([notice], 1.0)
            else:
                counters.receipts_refused += 1
        counters.receipts_confirmed += confirmed

    # Everything else

    def _controlled(self, command: int, buffer: bytes, sequence: int, start: int, end: int) -> None:
        if command in _BINDS:
            self._bind(command, pdu.decode_bind(buffer, start, end), sequence)
        elif command == pdu.ENQUIRE_LINK:
            self.put(pdu.encode(pdu.ENQUIRE_LINK_RESP, sequence))
        elif command == pdu.UNBIND:
            self.put(pdu.encode(pdu.UNBIND_RESP, sequence))
            self.loop.call_soon(self.end)
        elif not command & pdu.ANSWER and command not in pdu.UNANSWERED:
            self.put(pdu.encode(pdu.GENERIC_NACK, sequence, status=statuses.ESME_RINVCMDID))

    def _bind(self, command: int, bind: pdu.Bind, sequence: int) -> None:
        status = statuses.ESME_RALYBND if self._bound_as else self._simulation.check(bind)
        if status:
            self._simulation.counters.binds_refused += 1
            self.put(pdu.encode(command | pdu.ANSWER, sequence, status=status))
            return
        self._simulation.counters.binds += 1
        self._bound_as, self._system_id = command, bind.system_id
        self._simulation.note_bind(bind.system_id, 1)
        self.put(pdu.encode_answer_id(command | pdu.ANSWER, sequence, "simulator"))
        self._outbox = self._simulation.outbox(bind.system_id)
        if command != pdu.BIND_TRANSMITTER:
            self._outbox.join(self)
