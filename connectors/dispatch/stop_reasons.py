"""Why nothing more of a batch may be started at its carrier.

In: a batch; the campaigns' commands, the configuration and the carriers' health of now. Out: a reason, or None. A batch
passes to another carrier (`carrier_down`) when nothing is started at its own, others know that, and the route of any of its
messages names a carrier that takes them: who routes it next then chooses that one. Messages that a carrier may have from a
first try do not pass. Asked for every block, so what is rare is asked last.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from connectors.dispatch.send_batch import SendBatch
from schemas.records.wire import CampaignCommand
from schemas.rules.carrier_health import BreakerState, CarrierHealth, takes_nothing
from schemas.rules.commands import canceled_of
from schemas.rules.may_go import reason_to_stop
from schemas.rules.routes import Route, RouteTable
from schemas.rules.stops import Stop, is_stopped
from schemas.values.reasons import Reason

CONFIG_MS = 3_000
"""After so long every role has read a new rate."""


class Commands(Protocol):
    """The newest command of every campaign, and of every chunk of which messages were canceled."""

    def get(self, campaign: str) -> CampaignCommand | None: ...


class CarrierRate(Protocol):
    """What is asked of a carrier's row."""

    @property
    def rate(self) -> float: ...


class Config(Protocol):
    """The configuration of now; `version` moves with every change."""

    @property
    def carriers(self) -> Mapping[str, CarrierRate]: ...
    @property
    def routes(self) -> Sequence[Route]: ...
    @property
    def stops(self) -> frozenset[Stop]: ...
    @property
    def version(self) -> int: ...


class Health(Protocol):
    """How the carriers of this process are doing; `known`: the others have been told of it lately."""

    carriers: dict[str, CarrierHealth]

    @property
    def known(self) -> bool: ...


class StopReasons:
    """Call it with a batch. `now` in milliseconds since the epoch."""

    def __init__(self, commands: Commands, config: Config, health: Health, now: Callable[[], int]) -> None:
        self._commands = commands
        self._config = config
        self._health = health
        self._now = now
        self._routes = RouteTable((), ())
        self._routes_version = -1
        self._stopped_since: dict[str, int] = {}

    def __call__(self, batch: SendBatch) -> Reason | None:
        """Why, or None."""
        slice_ = batch.slice
        command = None if slice_.campaign is None else self._commands.get(slice_.campaign)
        if reason := reason_to_stop(slice_, command, self._now()):
            return reason
        if is_stopped(self._config.stops, slice_.tenant, slice_.sender, slice_.carrier):
            return Reason.STOPPED
        if self._is_down(batch.messages.carrier) and self._health.known and self._may_pass(batch):
            return Reason.CARRIER_DOWN
        return None

    def canceled(self, batch: SendBatch) -> int:
        """The positions of the batch whose messages were canceled by themselves."""
        return canceled_of(self._commands.get(batch.slice.chunk), batch.slice.positions)

    def _is_down(self, carrier: str) -> bool:
        """Whether nothing is started there, and those who choose carriers know it too."""
        row = self._config.carriers.get(carrier)
        if row is None or not takes_nothing(self._health.carriers.get(carrier), row.rate):
            self._stopped_since.pop(carrier, None)
            return False
        if row.rate > 0:
            return True
        now = self._now()
        return now - self._stopped_since.setdefault(carrier, now) >= CONFIG_MS

    def _may_pass(self, batch: SendBatch) -> bool:
        carrier = batch.messages.carrier
        routes = self._newest_routes()
        if batch.second_tries or not routes.has_choices:
            return False
        others: set[str] = set()
        for way in set(routes.find_all(batch.messages.destinations)):
            if way is not None and carrier in way.carriers:
                others.update(way.carriers)
        return self._any_takes(others - {carrier}, batch)

    def _any_takes(self, carriers: Collection[str], batch: SendBatch) -> bool:
        stops, slice_ = self._config.stops, batch.slice
        return any(
            self._is_closed(carrier) and not is_stopped(stops, slice_.tenant, slice_.sender, carrier) for carrier in carriers
        )

    def _is_closed(self, carrier: str) -> bool:
        """Whether it takes as much as it can."""
        health = self._health.carriers.get(carrier)
        row = self._config.carriers.get(carrier)
        return health is not None and health.state is BreakerState.CLOSED and row is not None and row.rate > 0

    def _newest_routes(self) -> RouteTable:
        if self._config.version != self._routes_version:
            self._routes = RouteTable(self._config.routes, self._config.carriers.keys())
            self._routes_version = self._config.version
        return self._routes
