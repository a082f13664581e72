"""Receipts of one system_id that wait for a bind to go out on.

In: notices, perhaps with the connection whose submit they answer; connections that come and go. Out: notices to connections
with room in their window. What a lost connection had not confirmed comes back to the front. Bounded: beyond the limit the
oldest are dropped and counted.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from connectors.simulator.notice import Notice


class Receiver(Protocol):
    """A bind that takes receipts."""

    def receipt_room(self) -> int:
        """How many more may be unanswered."""
        ...

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Put these on their way; each is held until answered."""
        ...


class Outbox:
    """One a system_id, living as long as the simulator. What is due on one receiver waits for that one while it is there;
    what has no home, or lost it, goes out on any."""

    def __init__(self, limit: int) -> None:
        self.dropped = 0
        self._limit = limit
        self._queue: deque[Notice] = deque()
        self._own: dict[Receiver, deque[Notice]] = {}
        self._receivers: deque[Receiver] = deque()

    def __len__(self) -> int:
        return len(self._queue) + sum(map(len, self._own.values()))

    def join(self, receiver: Receiver) -> None:
        self._receivers.append(receiver)
        self._own[receiver] = deque()
        self.pump()

    def leave(self, receiver: Receiver, unconfirmed: Iterable[Notice]) -> None:
        own = self._own.pop(receiver, ())
        if receiver in self._receivers:
            self._receivers.remove(receiver)
        self._queue.extendleft(reversed([*unconfirmed, *own]))
        self._trim(self._queue)
        self.pump()

    def add(self, notices: Iterable[Notice], home: Receiver | None = None) -> None:
        queue = self._queue if home is None else self._own.get(home, self._queue)
        queue.extend(notices)
        self.pump()
        self._trim(queue)

    def pump(self) -> None:
        """Hand out as much as the windows allow: to each receiver its own, then a share of what is anybody's."""
        for receiver, own in self._own.items():
            if own:
                _hand_out(own, receiver, receiver.receipt_room())
        queue = self._queue
        idle = 0
        while queue and idle < len(self._receivers):
            receiver = self._receivers[0]
            self._receivers.rotate(-1)
            room = min(receiver.receipt_room(), max(1, len(queue) // len(self._receivers)))
            idle = 0 if room > 0 else idle + 1
            _hand_out(queue, receiver, room)

    def _trim(self, queue: deque[Notice]) -> None:
        while len(queue) > self._limit:
            queue.popleft()
            self.dropped += 1


def _hand_out(queue: deque[Notice], receiver: Receiver, most: int) -> None:
    count = min(most, len(queue))
    if count > 0:
        receiver.deliver([queue.popleft() for _ in range(count)])
