"""The carrier's own `unbind`: its answer, and the end of the connection after what is in flight.

In: the unbind, that nothing is in flight any more. Out: unbind_resp, the end. What is in flight is awaited
`UNBIND_SECONDS` at most before the unbind is answered, and `LINGER_SECONDS` behind that answer: some carriers give the
answers of what is in flight only then. Whoever uses it puts nothing new from the moment that it is `begun`.
"""

import asyncio

from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.link import Link

UNBIND_SECONDS = 3.0
LINGER_SECONDS = 1.0


class UnbindHandling:
    """One connection's."""

    def __init__(self, link: Link, patience: float) -> None:
        self._link = link
        self._patience = min(UNBIND_SECONDS, patience)
        self._sequences: list[int] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def begun(self) -> bool:
        """Whether the carrier takes leave."""
        return self._timer is not None

    def begin(self, sequence: int, *, in_flight: bool) -> None:
        """This unbind has come."""
        self._sequences.append(sequence)
        if self._timer is None:
            self._timer = self._link.loop.call_later(self._patience if in_flight else 0, self._answer, in_flight)

    def nothing_in_flight(self) -> None:
        """All answers have come, or nobody waits for them any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._link.loop.call_later(0, self._answer, False)

    def cancel(self) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()

    def _answer(self, in_flight: bool) -> None:
        for sequence in self._sequences:
            self._link.put(pdu.encode(pdu.UNBIND_RESP, sequence))
        self._sequences.clear()
        if in_flight:
            self._timer = self._link.loop.call_later(LINGER_SECONDS, self._link.end)
        else:
            self._link.end()
