"""What the simulator's outbox works with: receipts, and a bind that takes them.

In: numbers, how many may be unanswered. Out: notices with these ids; what the bind was given.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.simulator.notice import Notice, ReceiptHead


def notices(*numbers: int) -> list[Notice]:
    fate = ReceiptHead(state="DELIVRD", sender=b"S", submitted_at=0.0)
    return [Notice(receipt_id=b"%d" % number, handset=b"49", fate=fate) for number in numbers]


class Taker:
    """A bind with a small window."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.got: list[str] = []

    def receipt_room(self) -> int:
        return self.room - len(self.got)

    def deliver(self, notices: Sequence[Notice]) -> None:
        self.got += [notice.receipt_id.decode() for notice in notices]
