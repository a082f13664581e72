"""What follows when a carrier refuses with codes that no table lists: first dead letters, then a brake.

In: the results of a batch, the time (monotonic seconds). Out: how many messages may be started now. Each refusal with an
unlisted code ends its message, with a dead letter; a carrier that has a new code, or a deploy that reads codes wrongly,
would end a whole topic that way. So after `IN_A_ROW` of them, or `MOST` among the last `OF_LAST` answers, nothing more is
started but `PROBES` messages every `PROBE_SECONDS`, once everything in flight is answered; when a round of probes has
answers and none of them is unlisted, all goes on. What waits keeps its place, its validity runs. A restart begins without
the brake. `CodeBrakeLog` says so: in the log when it begins and ends, and as a gauge. Nothing can go wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import structlog

from connectors.carriers.contract import Accepted, Refused, Result, Throttled
from infra.telemetry.metrics import Metrics

IN_A_ROW = 20
OF_LAST, MOST = 200, 40
PROBES = 3
PROBE_SECONDS = 10.0
GAUGE = "sluice_carrier_held_back"
log = structlog.get_logger()


class CodeBrake:
    """Of one sender. `held_back`: nothing but probes is started. `code`: the last unlisted one; `unlisted`: how many."""

    def __init__(self) -> None:
        self.held_back = False
        self.code = ""
        self.unlisted = 0
        self._recent: deque[bool] = deque(maxlen=OF_LAST)
        self._in_a_row = 0
        self._probing = False
        self._probe_at = 0.0
        self._answers = self._bad = 0  # of this round of probes

    @property
    def watching(self) -> bool:
        """Whether results that are fine matter: they count against the others."""
        return bool(self._recent) or self.held_back

    def record(self, results: Sequence[Result], now: float) -> None:
        """These answers came, in this order."""
        for result in results:
            if isinstance(result, Accepted | Refused | Throttled):
                self._record(result)
        if not self.held_back and (self._in_a_row >= IN_A_ROW or sum(self._recent) > MOST):
            self.held_back, self._probing = True, False
            self._probe_at = now + PROBE_SECONDS
        elif not any(self._recent):
            self._recent.clear()  # all is well again, and costs nothing

    def may_start(self, in_flight: bool, now: float) -> int | None:
        """How many messages, None for any number. `in_flight`: whether any answer, or start, is outstanding."""
        if self.held_back and not in_flight:
            self._judge_probes()
        if not self.held_back:
            return None
        return 0 if in_flight or now < self._probe_at else PROBES

    def started(self, now: float) -> None:
        """Messages were started; while held back, they are this round's probes."""
        if self.held_back and not self._probing:
            self._probing, self._answers, self._bad = True, 0, 0
            self._probe_at = now + PROBE_SECONDS

    @property
    def probe_at(self) -> float:
        """When to look again while held back."""
        return self._probe_at

    def _record(self, result: Accepted | Refused | Throttled) -> None:
        unlisted = is_unlisted(result)
        self._recent.append(unlisted)
        self._in_a_row = self._in_a_row + 1 if unlisted else 0
        self._answers += 1
        self._bad += unlisted
        if isinstance(result, Refused) and unlisted:
            self.code = result.code
            self.unlisted += 1

    def _judge_probes(self) -> None:
        """All probes of the round are answered, or none went out yet."""
        if self._probing and self._answers and not self._bad:
            self.held_back = False
            self._recent.clear()
            self._in_a_row = 0
        self._probing = False


def is_unlisted(result: Result) -> bool:
    """A refusal with a code that no table lists."""
    return type(result) is Refused and result.klass == "unknown"


class CodeBrakeLog:
    """Call `report` once a second for each carrier."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._held_back: set[str] = set()

    def report(self, carrier: str, brake: CodeBrake) -> None:
        """The gauge, and a line when it changes."""
        if brake.held_back == (carrier in self._held_back):
            return
        self._metrics.set(GAUGE, brake.held_back, carrier)
        if brake.held_back:
            self._held_back.add(carrier)
            log.error(
                "the carrier refuses with a code that no table lists; nothing more is started there but probes: "
                "class the code in [carriers.errors]",
                action="carrier_held_back",
                carrier=carrier,
                code=brake.code,
                dead_letters=brake.unlisted,
            )
        else:
            self._held_back.discard(carrier)
            log.info("the carrier's codes are known again; all goes on", action="carrier_goes_on", carrier=carrier)
