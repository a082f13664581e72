"""The carriers' breakers, watched: looked at several times a second, told to the other roles, to the log and to a metric.

In: the senders of this process. Out: the carriers whose state has changed; the health of all in Redis, each second and when
one changes; the metrics `sluice_carrier_breaker` (0 closed, 1 probing, 2 open) and `sluice_carrier_rate_share`, a log line
at each change of a state. While Redis is away nobody is told (`known` is false) and nothing may be given up: those who
choose a carrier would choose the same again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

import structlog

from connectors.dispatch.adaptive_rate import AdaptiveRate
from connectors.dispatch.breaker import Breaker
from infra.redis.client import RedisDown
from infra.telemetry.metrics import Metrics
from schemas.rules.carrier_health import BreakerState, CarrierHealth

BELIEVED_MS = 3_000
"""So long after Redis was told last, the others are taken to know."""
VALUES = {BreakerState.CLOSED: 0, BreakerState.PROBING: 1, BreakerState.OPEN: 2}
log = structlog.get_logger()


class Board(Protocol):
    """`infra.redis.carrier_health.CarrierHealthBoard`."""

    async def tell(self, lanes: Iterable[str], carriers: Mapping[str, CarrierHealth]) -> None: ...


class Watched(Protocol):
    """A carrier's sender."""

    @property
    def breaker(self) -> Breaker: ...
    @property
    def brake(self) -> AdaptiveRate: ...
    def look_at_connection(self) -> None: ...
    def sweep(self) -> None: ...


class HealthReporter:
    """One a process. `lanes_of`: those that it carries at a carrier. `now` in milliseconds since the epoch."""

    def __init__(
        self, board: Board, lanes_of: Callable[[str], Collection[str]], metrics: Metrics, now: Callable[[], int]
    ) -> None:
        self._board = board
        self._lanes_of = lanes_of
        self._metrics = metrics
        self._now = now
        self._told_at = 0
        self.carriers: dict[str, CarrierHealth] = {}

    @property
    def known(self) -> bool:
        """Whether the others have been told lately."""
        return self._now() - self._told_at < BELIEVED_MS

    def look(self, senders: Mapping[str, Watched]) -> list[str]:
        """Look at every carrier; those whose state has changed."""
        for gone in [carrier for carrier in self.carriers if carrier not in senders]:
            del self.carriers[gone]
        return [carrier for carrier, sender in senders.items() if self._look(carrier, sender)]

    async def watch(self, senders: Mapping[str, Watched]) -> None:
        """Look; where a state has changed, hand back what is to pass on: not before the others are told, for they must not
        choose the same carrier again."""
        changed = self.look(senders)
        if changed:
            await self.tell(changed)
            for carrier in changed:
                senders[carrier].sweep()

    async def tell(self, carriers: Collection[str] | None = None) -> None:
        """Tell of these carriers, or of all."""
        try:
            by_lanes: dict[tuple[str, ...], dict[str, CarrierHealth]] = {}
            for carrier in self.carriers if carriers is None else carriers:
                by_lanes.setdefault(tuple(self._lanes_of(carrier)), {})[carrier] = self.carriers[carrier]
            for lanes, told in by_lanes.items():
                await self._board.tell(lanes, told)
            self._told_at = self._now()
        except RedisDown:
            self._told_at = 0

    def _look(self, carrier: str, sender: Watched) -> bool:
        sender.look_at_connection()
        state, fault, share = sender.breaker.state, sender.breaker.fault, round(sender.brake.factor, 2)
        fault = fault or sender.brake.answer_times.fault
        before = self.carriers.get(carrier)
        if before is not None and before.state is state:
            if (before.fault, before.share) != (fault, share):
                self.carriers[carrier] = CarrierHealth(state=state, since=before.since, fault=fault, share=share)
                self._metrics.set("sluice_carrier_rate_share", share, carrier)
            return False
        self.carriers[carrier] = CarrierHealth(state=state, since=self._now(), fault=fault, share=share)
        self._metrics.set("sluice_carrier_rate_share", share, carrier)
        self._metrics.set("sluice_carrier_breaker", VALUES[state], carrier)
        if before is not None:
            write = log.warning if state is BreakerState.OPEN else log.info
            write(f"a carrier's breaker is {state}", action=f"breaker_{state}", carrier=carrier, fault=fault)
        return before is not None
