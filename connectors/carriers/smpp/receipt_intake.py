"""Receipts of one bind, from the deliver_sm or data_sm to its answer.

In: bodies. Out: `CarrierCallbacks.on_receipts`, one batch a read, with the call that confirms that batch to the carrier.
What becomes of the rest, and why:

    a receipt that nobody can read, a state in no table   handed over with its bytes and confirmed with status 0 once these
                                                          are safe: the SMSC drops it, for a repeat would be as unreadable,
                                                          and many an SMSC holds back all others until one is taken
    an inbound message                                    ESME_RX_R_APPN: refused, inbound is not built
    more than 10,000 unconfirmed                          ESME_RX_T_APPN: the SMSC keeps it and comes again

Each is counted; dispatch makes the counters seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import msgspec

from connectors.carriers.contract import CarrierCallbacks, Receipt, Unreadable
from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.link import Link
from connectors.carriers.smpp.receipt import OwnStates, UnreadableReceipt, read_tolerantly
from connectors.carriers.smpp.receipt_reader import ReceiptReader
from schemas.values import command_status as statuses

MOST_UNCONFIRMED = 10_000


class Counters(msgspec.Struct):
    """What a carrier's binds saw besides results; only ever counted up."""

    late_answers: int = 0
    inbound_refused: int = 0
    receipts_unreadable: int = 0
    receipts_put_off: int = 0

    def by_kind(self) -> Mapping[str, int]:
        """All of them by name."""
        return msgspec.structs.asdict(self)


class ReceiptIntake:
    """`take` what came, `hand_over` when the read is done."""

    def __init__(self, link: Link, callbacks: CarrierCallbacks, counters: Counters, own_states: OwnStates) -> None:
        self._link = link
        self._callbacks = callbacks
        self._counters = counters
        self._own_states = own_states
        self._reader = ReceiptReader(own_states)
        self._receipts: list[Receipt] = []
        self._sequences: list[int] = []
        self._data_sequences: list[int] = []
        self._unconfirmed = 0

    def read_receipts(self, buffer: bytes, run: Iterable[pdu.Frame]) -> None:
        """Keep the receipts for `hand_over`, refuse what is none."""
        read, receipts, sequences = self._reader.read, self._receipts, self._sequences
        most = MOST_UNCONFIRMED - self._unconfirmed
        for command, _, sequence, start, end in run:
            if len(receipts) >= most:
                self._counters.receipts_put_off += 1
                self._answer(command, sequence, statuses.ESME_RX_T_APPN)
                continue
            try:
                if command == pdu.DELIVER_SM:
                    receipt = read(buffer, start, end)
                else:
                    receipt = read_tolerantly(buffer, start, end, self._own_states, data=True)
            except UnreadableReceipt as fault:
                self._keep_bytes(command, sequence, buffer[start - pdu.HEADER_LENGTH : end], str(fault))
                most -= 1
                continue
            if receipt is None:
                self._counters.inbound_refused += 1
                self._answer(command, sequence, statuses.ESME_RX_R_APPN)
                continue
            receipts.append(receipt)
            (sequences if command == pdu.DELIVER_SM else self._data_sequences).append(sequence)

    def hand_over(self) -> None:
        """Pass on what was taken."""
        if self._receipts:
            receipts, self._receipts = self._receipts, []
            sequences, self._sequences = self._sequences, []
            data, self._data_sequences = self._data_sequences, []
            self._unconfirmed += len(receipts)
            self._callbacks.on_receipts(receipts, partial(self._confirm, sequences, data))

    def _keep_bytes(self, command: int, sequence: int, raw: bytes, why: str) -> None:
        self._counters.receipts_unreadable += 1
        self._unconfirmed += 1
        data = command == pdu.DATA_SM
        confirm = partial(self._confirm, [] if data else [sequence], [sequence] if data else [])
        self._callbacks.on_unreadable(Unreadable(raw=raw, why=why), confirm)

    def _answer(self, command: int, sequence: int, status: int) -> None:
        self._link.put(pdu.encode_deliver_answer(sequence, status, command))

    def _confirm(self, sequences: list[int], data: list[int]) -> None:
        """Answer the receipts of one batch, once."""
        if (sequences or data) and self._link.up:
            self._unconfirmed -= len(sequences) + len(data)
            if sequences:
                self._link.put(pdu.encode_deliver_answers(sequences))
            self._link.put_all(pdu.encode_deliver_answer(sequence, command=pdu.DATA_SM) for sequence in data)
        sequences.clear()
        data.clear()
