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
from typing import Any

from infra.telemetry.repeats import Repeats

LISTEN_SECONDS = 1.0
_CONNECTION = frozenset({"FAIL", "ERROR"})


class ClientLog:
    """The `logger` of one client."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._repeats = Repeats(clock)
        self._logger = logging.getLogger("kafka_client")
        # What the client finds worth a notice (6 of syslog) comes too, unlike that of other libraries.
        self._logger.setLevel(logging.INFO)

    def log(self, level: int, _form: str, facility: str, client: str, words: str) -> None:
        """One line; the client calls it with these, and only from its `poll`, `consume`, `flush` and `close`."""
        left_out = self._repeats.left_out((facility, "" if facility in _CONNECTION else words))
        if left_out is not None:
            fields = {"action": "kafka_client", "facility": facility, "client": client}
            self._logger.log(level, "%s", words, extra={"fields": {**fields, "left_out": left_out} if left_out else fields})


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
