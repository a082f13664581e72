"""The simulated carrier's control calls, as a measurement needs them.

In: the port on loopback where it listens. Out: receipts held back and let go, its counters. Blocking. Wrong: a port where
nobody listens, a call that is refused: `Refusal`.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from infra.runtime.refusal import Refusal

PATIENCE_SECONDS = 30.0


class CarrierControl:
    """Of one simulator."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def hold(self, on: bool) -> None:
        """Keep the receipts of submits that come from now on, or send them at once again."""
        self._call("PATCH", "/script", {"hold": on})

    def release(self, states: Sequence[str], seed: int) -> int:
        """Let go what is held, shuffled, one receipt a message for each of these states: how many receipts that is."""
        return int(self._call("POST", "/release", {"states": list(states), "seed": seed})["receipts"])

    def counters(self) -> dict[str, int]:
        """What it has seen and sent so far."""
        return dict(self._call("GET", "/counters", None))

    def _call(self, method: str, path: str, body: Any) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        try:
            asked = urllib.request.Request(self._url + path, data, method=method)
            with urllib.request.urlopen(asked, timeout=PATIENCE_SECONDS) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as fault:
            raise Refusal(f"the simulated carrier refused {method} {path}: {fault.read()[:200]!r}") from fault
        except OSError as fault:
            raise Refusal(f"the simulated carrier does not answer {method} {path}: {fault}", "see DATA/logs") from fault
