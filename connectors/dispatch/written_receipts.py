"""Receipts that Kafka has already: a carrier that repeats one of them says nothing new.

In: receipts with the id and destination they came with, once Kafka has their record. Out: whether another one says exactly
the same. Remembered are the newest hundred thousand or two, as hashes: a repeat comes soon or is looked up like any other.
"""

from __future__ import annotations

from connectors.carriers.contract import Receipt

MOST = 200_000


class WrittenReceipts:
    """Of one carrier. Two generations: the older one goes as a whole."""

    def __init__(self, most: int = MOST) -> None:
        self._size = max(1, most // 2)
        self._newer: set[int] = set()
        self._older: set[int] = set()

    def add(self, receipts: list[Receipt]) -> None:
        """Kafka has these."""
        if len(self._newer) >= self._size:
            self._older, self._newer = self._newer, set()
        self._newer.update([hash((one.carrier_message_id, one.destination, one.state)) for one in receipts])

    def __contains__(self, receipt: Receipt) -> bool:
        if not receipt.destination:
            return False  # an id that the carrier has used again could not be told from a repeat
        said = hash((receipt.carrier_message_id, receipt.destination, receipt.state))
        return said in self._newer or said in self._older
