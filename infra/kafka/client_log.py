"""What the Kafka client says of itself, as lines of our log, with a broken connection told once in ten seconds.

In: the client's lines, from whichever thread polls it; `listen` polls a producer that nobody else polls, or they would
pile up in it. Out: records of the standard logger `kafka_client`, which a role writes as JSON with `facility`, `client`
and `left_out`; a command without a log of its own has them on stderr. While Kafka is away a consumer says eighty times
a second that it cannot connect. Lines about that (`FAIL`, `ERROR`) count as one kind, whatever broker they name; of others
only repeats of the same words are left out. Lines still in the client when its process ends are lost. Nothing raises:
it would come out where the client is polled.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

QUIET_SECONDS = 10.0
LISTEN_SECONDS = 1.0
_CONNECTION = frozenset({"FAIL", "ERROR"})
_MOST_KINDS = 256


class _Kind(NamedTuple):
    facility: str
    words: str


class ClientLog:
    """The `logger` of one client."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[_Kind, tuple[float, int]] = {}
        self._logger = logging.getLogger("kafka_client")
        # What the client finds worth a notice (6 of syslog) comes too, unlike that of other libraries.
        self._logger.setLevel(logging.INFO)

    def log(self, level: int, _form: str, facility: str, client: str, words: str) -> None:
        """One line; the client calls it with these, and only from its `poll`, `consume`, `flush` and `close`."""
        left_out = self._left_out(_Kind(facility, "" if facility in _CONNECTION else words))
        if left_out is not None:
            fields = {"action": "kafka_client", "facility": facility, "client": client}
            self._logger.log(level, "%s", words, extra={"fields": {**fields, "left_out": left_out} if left_out else fields})

    def _left_out(self, kind: _Kind) -> int | None:
        """How many of this kind were left out before this line; None: it is left out too."""
        now = self._clock()
        with self._lock:
            said_at, left_out = self._said.get(kind, (now - QUIET_SECONDS, 0))
            if now - said_at < QUIET_SECONDS:
                self._said[kind] = (said_at, left_out + 1)
                return None
            if len(self._said) >= _MOST_KINDS:
                self._said = {k: v for k, v in self._said.items() if v[1] or now - v[0] < QUIET_SECONDS}
            self._said[kind] = (now, 0)
            return left_out


def listen(producer: Any) -> None:
    """Poll this producer now and then as long as somebody else holds it."""
    held = weakref.ref(producer)
    threading.Thread(target=_listen, args=(held,), name="kafka-listen", daemon=True).start()


def _listen(held: weakref.ref[Any]) -> None:
    nobody = threading.Event()
    while not nobody.wait(LISTEN_SECONDS):
        producer = held()
        if producer is None:
            return
        producer.poll(0)
        # Trap: kept over the wait, this name would hold the producer for good.
        del producer
