"""Single messages sent one after another in the background, as a client does that never gives up: each has an idempotency
key and is asked for again until its 202.

In: a gateway, a lane, numbers. Out: the ids, by number, of what was accepted. Wrong: AssertionError for an answer that no
client could live with.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.support.gateway_client import UNREACHABLE, GatewayClient

PACE_SECONDS = 0.01
TRY_AGAIN = (409, 429, 503)


class Singles:
    """Made by `sending`."""

    def __init__(self, api: GatewayClient, lane: str, numbers: Sequence[str]) -> None:
        self.lane = lane
        self.numbers = numbers
        self.accepted: dict[str, str] = {}
        self.refused: list[object] = []
        self._api = api
        self._stop = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"singles-{lane}", daemon=True)

    @property
    def done(self) -> bool:
        """Whether every number has its 202."""
        return len(self.accepted) == len(self.numbers)

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()
        self.thread.join(90)
        assert self.refused == []

    def _run(self) -> None:
        for number in self.numbers:
            while not self._stop.is_set() and not self._sent(number):
                self._stop.wait(0.2)
            self._stop.wait(PACE_SECONDS)

    def _sent(self, number: str) -> bool:
        try:
            answer = self._api.post(
                "/v1/messages",
                {"to": number, "from": "Shop", "body": "123456", "lane": self.lane},
                Idempotency_Key=f"{self.lane}-{number}",
            )
        except UNREACHABLE:
            return False
        if answer.status in TRY_AGAIN:
            return False
        if answer.status != 202:
            self.refused.append((answer.status, answer.body))
            self._stop.set()
            return False
        self.accepted[number] = answer.id
        return True


@contextmanager
def sending(api: GatewayClient, lane: str, numbers: Sequence[str]) -> Iterator[Singles]:
    """Messages on their way inside the block."""
    singles = Singles(api, lane, numbers)
    singles.thread.start()
    try:
        yield singles
    finally:
        singles.stop()


def wait_for_all(many: Sequence[Singles], seconds: float) -> None:
    """Return when every message of all has been accepted."""
    deadline = time.monotonic() + seconds
    for singles in many:
        singles.thread.join(max(0.0, deadline - time.monotonic()))
        assert singles.done, f"{singles.lane}: {len(singles.accepted)} of {len(singles.numbers)}; {singles.refused}"
