"""Receipts of one bind, each read with the ones before it in mind.

In: deliver_sm bodies. Out: a `Receipt`, None for an inbound message. A carrier writes its receipts alike: those of one
length have their fields at the same places, and what stands behind the id (times, state, error) is one of a few. Where a
body is octet by octet what was read before, but for handset and id, nothing is searched or decoded again.
"""

import re
import struct
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from connectors.carriers.contract import Receipt
from connectors.carriers.smpp.receipt import OwnStates, read_tolerantly, receipt_of, standard_form

_MOST_LAYOUTS = 64
_MOST_OUTCOMES = 1024
_SPACE = 0x20


class Layout(NamedTuple):
    """Where the fields of a body are: `before` the source, the source, `between` it and the id, the id, the outcome."""

    fields: Callable[[bytes, int], tuple[bytes, ...]]
    before: bytes
    between: bytes
    other: str  # the digits of the other address, which stands in `between`
    size: int  # of all that


class ReceiptReader:
    """`read`; the rest is memory, emptied when it grows."""

    def __init__(self, own_states: OwnStates | None = None) -> None:
        self._own_states = own_states or {}
        self._layouts: dict[int, Layout] = {}  # by length of the body
        self._outcomes: dict[bytes, tuple[str, str, float | None]] = {}  # state, code, time by what stands behind the id

    def read(self, buffer: bytes, start: int, end: int) -> Receipt | None:
        """The receipt in the body of a deliver_sm, None for an inbound message. Raises UnreadableReceipt."""
        layout = self._layouts.get(end - start)
        if layout is not None:
            fields, known_before, known_between, other, size = layout
            before, source, between, message_id, behind = fields(buffer, start)
            outcome = self._outcomes.get(behind)
            if (
                outcome is not None
                and between == known_between
                and before == known_before
                and source.isdigit()  # so it holds no NUL and ends where it must
                and message_id.isalnum()
                and (start + size == end or buffer[start + size] == _SPACE)
            ):
                state, code, done_at = outcome
                return Receipt(carrier_message_id=message_id.decode(), state=state, code=code, destination=source.decode(),
                               done_at=done_at, other_address=other)  # fmt: skip
        return self._read_anew(buffer, start, end)

    def _read_anew(self, buffer: bytes, start: int, end: int) -> Receipt | None:
        found = standard_form(buffer, start, end)
        receipt = None if found is None else receipt_of(found, self._own_states)
        if found is None or receipt is None:
            return read_tolerantly(buffer, start, end, self._own_states)
        self._remember(found, receipt, buffer, start, end)
        return receipt

    def _remember(self, found: re.Match[bytes], receipt: Receipt, buffer: bytes, start: int, end: int) -> None:
        edges = (start, *found.span("source"), *found.span("id"), found.end("code"))
        pieces = tuple(buffer[left:right] for left, right in pairwise(edges))
        before, source, between, _, behind = pieces
        # Not a plain number, or the other address is the handset's; a time that is none stands in no outcome.
        if receipt.destination.encode() != source or receipt.done_text:
            return
        layout = self._layouts.get(end - start)
        if layout is None or layout[1:3] != (before, between) or layout.fields(buffer, start) != pieces:
            if len(self._layouts) >= _MOST_LAYOUTS:
                self._layouts.clear()
            fields = struct.Struct("".join([f"{len(piece)}s" for piece in pieces]))
            self._layouts[end - start] = Layout(fields.unpack_from, before, between, receipt.other_address, fields.size)
        if len(self._outcomes) >= _MOST_OUTCOMES:
            self._outcomes.clear()
        self._outcomes[behind] = receipt.state, receipt.code, receipt.done_at
