"""One ESME's connection to the simulator.

In: binds, submits, receipts' answers. Out: answers and receipts as the script wants them, every submit in the log
before its answer can leave. A connection that is lost gives its unconfirmed receipts back to the outbox of its
system_id.
"""

from connectors.carriers.simulator.notice import Notice, encode_notice
from connectors.carriers.simulator.outbox import Outbox, Receiver
from connectors.carriers.simulator.rules import Verdict
from connectors.carriers.simulator.simulation import Simulation
from connectors.carriers.smpp import pdu
from connectors.carriers.smpp import status as statuses
from connectors.carriers.smpp.link import Link

_BINDS = {pdu.BIND_TRANSCEIVER, pdu.BIND_TRANSMITTER, pdu.BIND_RECEIVER}
_PUT_OFF = {statuses.ESME_RX_T_APPN, statuses.ESME_RMSGQFUL, statuses.ESME_RTHROTTLED}


class Connection(Link):
    """`open_answers`: submits that came and were not answered; its peak is the window the ESME used."""

    def __init__(self, simulation: Simulation, number: int) -> None:
        super().__init__()
        self.number = number
        self.open_answers = 0
        self._simulation = simulation
        self._bound_as = 0
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

    def deliver(self, notice: Notice) -> None:
        self._sequence = sequence = self._sequence + 1 if self._sequence < pdu.MAX_SEQUENCE else 1
        self._unconfirmed[sequence] = notice
        self._simulation.counters.receipts_sent += 1
        self.put(encode_notice(notice, self._simulation.script.receipt_form, sequence, self._simulation.now))

    # Link

    def on_opened(self) -> None:
        self._simulation.connections.add(self)

    def on_frames(self, buffer: bytes, frames: list[pdu.Frame]) -> None:
        self._simulation.tick()
        for command, status, sequence, start, end in frames:
            if command == pdu.SUBMIT_SM:
                if not self._submitted(buffer, sequence, start, end):
                    return
            elif command == pdu.DELIVER_SM_RESP:
                self._confirmed(sequence, status)
            else:
                self._controlled(command, buffer, sequence, start, end)
        self._simulation.log.flush()
        if self._outbox is not None:
            fresh, self._fresh = self._fresh, []
            self._outbox.add(fresh, self._home)

    def on_writable(self) -> None:
        if self._outbox is not None:
            self._outbox.pump()

    def on_lost(self, reason: Exception | None) -> None:
        self._simulation.connections.discard(self)
        self._simulation.log.flush()
        if self._outbox is not None:
            unconfirmed, self._unconfirmed = [*self._unconfirmed.values(), *self._fresh], {}
            self._outbox.leave(self, unconfirmed)

    # Submits

    def _submitted(self, buffer: bytes, sequence: int, start: int, end: int) -> bool:
        """False when the script ends the connection here."""
        simulation = self._simulation
        if self._bound_as not in (pdu.BIND_TRANSCEIVER, pdu.BIND_TRANSMITTER):
            self.put(pdu.encode(pdu.SUBMIT_SM_RESP, sequence, status=statuses.ESME_RINVBNDSTS))
            return True
        self._submits += 1
        if simulation.script.disconnect_after and self._submits >= simulation.script.disconnect_after:
            simulation.counters.disconnects += 1
            self.abort()
            return False
        message = pdu.decode_short_message(buffer, start, end)
        self.open_answers += 1
        if self.open_answers > simulation.counters.peak_window:
            simulation.counters.peak_window = self.open_answers
        simulation.counters.submits += 1
        verdict = simulation.rules.judge(simulation.counters.submits, message.destination, simulation.monotonic)
        number = simulation.next_id() if verdict.status == 0 else 0
        message_id = simulation.answer_id(number) if number else ""
        if simulation.log.on:
            self._write_down(message, verdict, message_id)
        if number and verdict.early:
            self._report(message, verdict, number)
        self._answer(sequence, verdict, message_id)
        if number and not verdict.early:
            self._report(message, verdict, number)
        return True

    def _write_down(self, message: pdu.ShortMessage, verdict: Verdict, message_id: str) -> None:
        simulation = self._simulation
        part, octets = (0, 1, 1), len(message.text)
        if message.esm_class & 0x40 and message.text[:3] == b"\5\0\3" and octets >= 6:
            part, octets = (message.text[3], message.text[4], message.text[5]), octets - 6
        simulation.log.add(
            simulation.now, self.number, message.destination, message.source, part, octets, message_id, verdict.status
        )

    def _answer(self, sequence: int, verdict: Verdict, message_id: str) -> None:
        simulation = self._simulation
        if message_id:
            simulation.counters.accepted += 1
            data = pdu.encode_answer_id(pdu.SUBMIT_SM_RESP, sequence, message_id)
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

    def _report(self, message: pdu.ShortMessage, verdict: Verdict, number: int) -> None:
        """The receipts of one submit, now or later."""
        simulation, outbox = self._simulation, self._outbox
        if outbox is None or not message.registered_delivery & 1:
            return
        ids = [simulation.receipt_id(number)] * verdict.receipts
        if verdict.stray:
            ids += [simulation.stray_id(number)] * verdict.stray
        for receipt_id in ids:
            notice = Notice(
                receipt_id=receipt_id,
                state=verdict.state,
                handset=message.destination,
                sender=message.source,
                submitted_at=simulation.now,
            )
            delay = simulation.script.receipt_late_seconds if verdict.late else simulation.script.receipt_delay_seconds
            if verdict.early and self._bound_as == pdu.BIND_TRANSCEIVER and self.receipt_room() > 0:
                self.deliver(notice)
            elif delay:
                simulation.receipts.push(self.loop.time() + delay, (outbox, self._home, notice))
            else:
                self._fresh.append(notice)

    def _confirmed(self, sequence: int, status: int) -> None:
        notice = self._unconfirmed.pop(sequence, None)
        if notice is None:
            return
        counters = self._simulation.counters
        if status == 0:
            counters.receipts_confirmed += 1
        elif status in _PUT_OFF and self._outbox is not None:
            self._simulation.receipts.push(self.loop.time() + 1.0, (self._outbox, self._home, notice))
        else:
            counters.receipts_refused += 1

    # Everything else

    def _controlled(self, command: int, buffer: bytes, sequence: int, start: int, end: int) -> None:
        if command in _BINDS:
            self._bind(command, pdu.decode_bind(buffer, start, end), sequence)
        elif command == pdu.ENQUIRE_LINK:
            self.put(pdu.encode(pdu.ENQUIRE_LINK_RESP, sequence))
        elif command == pdu.UNBIND:
            self.put(pdu.encode(pdu.UNBIND_RESP, sequence))
            self.loop.call_soon(self.end)
        elif not command & pdu.ANSWER:
            self.put(pdu.encode(pdu.GENERIC_NACK, sequence, status=statuses.ESME_RINVCMDID))

    def _bind(self, command: int, bind: pdu.Bind, sequence: int) -> None:
        status = statuses.ESME_RALYBND if self._bound_as else self._simulation.check(bind)
        if status:
            self._simulation.counters.binds_refused += 1
            self.put(pdu.encode(command | pdu.ANSWER, sequence, status=status))
            return
        self._simulation.counters.binds += 1
        self._bound_as = command
        self.put(pdu.encode_answer_id(command | pdu.ANSWER, sequence, "simulator"))
        self._outbox = self._simulation.outbox(bind.system_id)
        if command != pdu.BIND_TRANSMITTER:
            self._outbox.join(self)
