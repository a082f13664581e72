"""Receipts of one bind, from the deliver_sm to its answer.

In: deliver_sm bodies. Out: `CarrierCallbacks.on_receipts`, one batch a read, with the call that confirms that batch
to the carrier. An inbound message is refused with ESME_RX_R_APPN, an unreadable receipt with ESME_RX_P_APPN, and
while 10,000 receipts are unconfirmed further ones are put off with ESME_RX_T_APPN; each is counted.
"""

from collections.abc import Iterable
from functools import partial

import msgspec

from connectors.carriers.contract import CarrierCallbacks, Receipt
from connectors.carriers.smpp import pdu
from connectors.carriers.smpp import status as statuses
from connectors.carriers.smpp.link import Link
from connectors.carriers.smpp.receipt import UnreadableReceipt
from connectors.carriers.smpp.receipt_reader import ReceiptReader

MOST_UNCONFIRMED = 10_000


class Counters(msgspec.Struct):
    """What a carrier's binds saw besides results; only ever counted up."""

    late_answers: int = 0
    inbound_refused: int = 0
    receipts_unreadable: int = 0
    receipts_put_off: int = 0


class ReceiptIntake:
    """`take` what came, `hand_over` when the read is done."""

    def __init__(self, link: Link, callbacks: CarrierCallbacks, counters: Counters) -> None:
        self._link = link
        self._callbacks = callbacks
        self._counters = counters
        self._reader = ReceiptReader()
        self._receipts: list[Receipt] = []
        self._sequences: list[int] = []
        self._unconfirmed = 0

    def take(self, buffer: bytes, run: Iterable[pdu.Frame]) -> None:
        """Keep the receipts for `hand_over`, refuse what is none."""
        read, receipts, sequences = self._reader.read, self._receipts, self._sequences
        most = MOST_UNCONFIRMED - self._unconfirmed
        for _, _, sequence, start, end in run:
            if len(receipts) >= most:
                self._counters.receipts_put_off += 1
                self._refuse(sequence, statuses.ESME_RX_T_APPN)
                continue
            try:
                receipt = read(buffer, start, end)
            except (UnreadableReceipt, pdu.PduError):
                self._counters.receipts_unreadable += 1
                self._refuse(sequence, statuses.ESME_RX_P_APPN)
                continue
            if receipt is None:
                self._counters.inbound_refused += 1
                self._refuse(sequence, statuses.ESME_RX_R_APPN)
                continue
            receipts.append(receipt)
            sequences.append(sequence)

    def hand_over(self) -> None:
        """Pass on what was taken."""
        if self._receipts:
            receipts, self._receipts = self._receipts, []
            sequences, self._sequences = self._sequences, []
            self._unconfirmed += len(sequences)
            self._callbacks.on_receipts(receipts, partial(self._confirm, sequences))

    def _refuse(self, sequence: int, status: int) -> None:
        self._link.put(pdu.encode_deliver_answer(sequence, status))

    def _confirm(self, sequences: list[int]) -> None:
        """Answer the receipts of one batch, once."""
        if sequences and self._link.up:
            self._unconfirmed -= len(sequences)
            self._link.put(pdu.encode_deliver_answers(sequences))
        sequences.clear()
