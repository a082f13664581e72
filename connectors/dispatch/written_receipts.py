"""Receipts that Kafka has already, or will soon: a carrier that repeats one of them says nothing new.

In: receipts with the id and destination they came with, as they are gathered for a record (`ReceiptGroup`), and again once
Kafka has it. Out: whether another one says exactly the same, and of which record that is. Remembered are the newest hundred
thousand or two, as hashes: a repeat comes soon or is looked up like any other.
"""

from __future__ import annotations

from connectors.carriers.contract import Receipt
from connectors.dispatch.receipt_records import ReceiptGroup

MOST = 200_000


class WrittenReceipts:
    """Of one carrier. Two generations: the older one goes as a whole."""

    def __init__(self, most: int = MOST) -> None:
        self._size = max(1, most // 2)
        self._newer: set[int] = set()
        self._older: set[int] = set()
        self._on_the_way: dict[int, ReceiptGroup] = {}

    def begin(self, receipt: Receipt, group: ReceiptGroup) -> None:
        """Kafka will have this one with the record of this group."""
        self._on_the_way[_said(receipt)] = group

    def add(self, group: ReceiptGroup) -> None:
        """Kafka has these."""
        if len(self._newer) >= self._size:
            self._older, self._newer = self._newer, set()
        for receipt, _, _ in group.entries:
            said = _said(receipt)
            self._newer.add(said)
            self._on_the_way.pop(said, None)

    def on_the_way(self, receipt: Receipt) -> ReceiptGroup | None:
        """The group whose record says the same, and that Kafka does not have yet."""
        return self._on_the_way.get(_said(receipt)) if receipt.destination else None

    def __contains__(self, receipt: Receipt) -> bool:
        if not receipt.destination:
            return False  # an id that the carrier has used again could not be told from a repeat
        said = _said(receipt)
        return said in self._newer or said in self._older


def _said(receipt: Receipt) -> int:
    return hash((receipt.carrier_message_id, receipt.destination, receipt.state))
