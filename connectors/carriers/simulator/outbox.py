"""Receipts of one system_id that wait for a bind to go out on.

In: notices; connections that come and go. Out: notices to connections with room in their window, in turn. What a lost
connection had not confirmed comes back to the front. Bounded: beyond the limit the oldest are dropped and counted.
"""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from connectors.carriers.simulator.notice import Notice


class Receiver(Protocol):
    """A bind that takes receipts."""

    def receipt_room(self) -> int:
        """How many more may be unanswered."""
        ...

    def deliver(self, notice: Notice) -> None:
        """Put one on its way; it is held until answered."""
        ...


class Outbox:
    """One a system_id, living as long as the simulator."""

    def __init__(self, limit: int) -> None:
        self.dropped = 0
        self._limit = limit
        self._queue: deque[Notice] = deque()
        self._receivers: deque[Receiver] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def join(self, receiver: Receiver) -> None:
        self._receivers.append(receiver)
        self.pump()

    def leave(self, receiver: Receiver, unconfirmed: Iterable[Notice]) -> None:
        if receiver in self._receivers:
            self._receivers.remove(receiver)
        self._queue.extendleft(reversed(list(unconfirmed)))
        self._trim()
        self.pump()

    def add(self, notices: Iterable[Notice]) -> None:
        self._queue.extend(notices)
        self.pump()
        self._trim()

    def pump(self) -> None:
        """Hand out as much as the windows allow, a share to each receiver."""
        queue = self._queue
        idle = 0
        while queue and idle < len(self._receivers):
            receiver = self._receivers[0]
            self._receivers.rotate(-1)
            room = min(receiver.receipt_room(), max(1, len(queue) // len(self._receivers)), len(queue))
            idle = 0 if room > 0 else idle + 1
            for _ in range(room):
                receiver.deliver(queue.popleft())

    def _trim(self) -> None:
        while len(self._queue) > self._limit:
            self._queue.popleft()
            self.dropped += 1
