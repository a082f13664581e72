"""Submits that came together, by a script without a rule about single ones: all are taken, answered and delivered.

In: a run of submit_sm. Out: their answers, the log's lines, their receipts' notices, in order. The same as asking the
rules about each and then looking up what is equal for all, at a third of the cost. A body that breaks the standard raises
PduError; those before it stand in the batch.
"""

from collections.abc import Iterable

from connectors.carriers.smpp import pdu
from connectors.simulator import log
from connectors.simulator.notice import Notice, ReceiptHead
from connectors.simulator.simulation import Simulation
from connectors.simulator.submit_reader import SubmitReader, part_of


class PlainBatch:
    """`take`, then look."""

    __slots__ = ("_bind", "_reader", "_simulation", "answers", "lines", "notices")

    def __init__(self, simulation: Simulation, reader: SubmitReader, bind: int) -> None:
        self.answers: list[bytes] = []
        self.lines: list[bytes] = []
        self.notices: list[Notice] = []
        self._simulation = simulation
        self._reader = reader
        self._bind = bind

    def read_submits(self, buffer: bytes, run: Iterable[pdu.Frame]) -> None:
        """All of a run."""
        simulation, read = self._simulation, self._reader.read
        answer_form, receipt_form = simulation.id_forms
        answered, note, write, encode = self.answers.append, self.notices.append, self.lines.append, pdu.encode
        stamp, logged, next_id = log.stamp(simulation.now, self._bind), simulation.log.on, simulation.next_id
        last, middle, fate = None, b"", ReceiptHead(state="DELIVRD", sender=b"", submitted_at=0.0)
        for _, _, sequence, start, end in run:
            destination, around, text, text_end = read(buffer, start, end)
            number = next_id()
            message_id = answer_form % number
            size = text_end - text
            if around is not last or around.has_header or text_end < end:
                last, (part, size) = around, part_of(around, buffer, text, text_end, end)
                middle = log.middle(around.source, part)
                fate = ReceiptHead(state="DELIVRD", sender=around.source, submitted_at=simulation.now)
            if logged:
                write(log.line(stamp, destination, middle, size, message_id, 0))
            answered(encode(pdu.SUBMIT_SM_RESP, sequence, message_id + b"\0"))
            if around.wants_receipt:
                note(Notice(receipt_id=receipt_form % number, handset=destination, fate=fate))
