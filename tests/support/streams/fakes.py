"""A fakes in memory for the stages: campaigns, carriers, accounts, room and references that tests set as they like.

In: what the test says there is. Out: the three stages over it, and slices to feed them with.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from infra.redis.assignments import among, merge
from infra.security.keyring import Keyring
from infra.security.sealing import Sealer
from schemas.records.codec import encode
from schemas.records.slice import Columns, Slice
from schemas.records.wire import CampaignCommand, Envelope, Owner, Returned, Settled, Started
from schemas.rules.caps import Caps
from schemas.rules.carrier_health import CarrierHealth
from schemas.rules.narrow_rates import NO_NARROW_RATES, NarrowRates
from schemas.rules.stops import NO_STOPS, Stop
from schemas.values.ids import campaign_id, chunk_id, fresh_id
from schemas.values.positions import everyone, places, positions_of
from schemas.values.profile import Profile
from schemas.values.window import Window
from streams.intake.handler import IntakeHandler, IntakePorts
from streams.pipeline import stage_named
from streams.ports import (
    CapacityAsk,
    CreditAsk,
    CreditGrant,
    Found,
    OwnerAsk,
    PortDown,
    SegmentReceipt,
    UnknownReceipt,
)
from streams.receipts.handler import ReceiptsHandler, ReceiptsPorts
from streams.settlement.handler import SettlementHandler, SettlementPorts

TENANT = "7b1e0000-0000-4000-8000-000000000001"
CAMPAIGN = campaign_id(fresh_id(1_700_000_000_000, b"0123456789"))
CHUNK = chunk_id(CAMPAIGN, 0, 0)
NOW = 1_800_000_000_000
SEALER = Sealer(Keyring("k1", {"k1": b"k" * 32}))


@dataclass(frozen=True, kw_only=True)
class CarrierFact:
    rate: float = 1000
    partition: int = 3
    one_receipt_for_all_parts: bool = False
    one_process: bool = False
    changes_hands: bool = False
    narrow: NarrowRates = NO_NARROW_RATES

    def room_rate(self, lane: str) -> float:
        return 0.0 if self.changes_hands and lane == "marketing" else self.rate


@dataclass(frozen=True, kw_only=True)
class RouteFact:
    prefix: str
    carriers: tuple[str, ...]
    price: int
    weights: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TenantFact:
    balance_short: str = "hold"
    quiet_hours: dict[str, tuple[Window, ...]] = field(default_factory=dict)
    caps: Caps | None = None


@dataclass(kw_only=True)
class FakePorts:
    """Everything that a stage can ask, and its answers."""

    now: int = NOW
    version: int = 1
    carriers: dict[str, CarrierFact] = field(default_factory=lambda: {"acme": CarrierFact()})
    routes: list[RouteFact] = field(default_factory=lambda: [RouteFact(prefix="", carriers=("acme",), price=700)])
    tenants: dict[str, TenantFact] = field(default_factory=lambda: {TENANT: TenantFact()})
    profiles: dict[str, Profile] = field(default_factory=dict)
    stops: frozenset[Stop] = NO_STOPS
    commands: dict[str, CampaignCommand] = field(default_factory=dict)
    money: int = 10**12
    room: int = 10**9
    narrow_room: dict[str, int] = field(default_factory=dict)
    granted: dict[tuple[str, str, str, int], int] = field(default_factory=dict)
    assigned: dict[tuple[str, int], dict[str, int]] = field(default_factory=dict)
    reserved: dict[tuple[str, str, int], int] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    segments: dict[tuple[str, str, int, int], dict[str, str]] = field(default_factory=dict)
    parked: list[UnknownReceipt] = field(default_factory=list)
    waits: list[tuple[str, int]] = field(default_factory=list)
    looked_up: list[list[tuple[str, int]]] = field(default_factory=list)
    carrier_health: dict[str, CarrierHealth] = field(default_factory=dict)
    work_waits_for: set[str] = field(default_factory=set)
    health_asked: list[tuple[str, str]] = field(default_factory=list)
    down: int = 0
    log: list[Owner | Started | Settled | Returned] = field(default_factory=list)
    log_down: int = 0
    asked: list[list[tuple[str, int, int, int]]] = field(default_factory=list)

    def clock(self) -> int:
        return self.now

    def get(self, campaign: str) -> CampaignCommand | None:
        return self.commands.get(campaign)

    async def reserve(self, asks: Sequence[CreditAsk]) -> list[CreditGrant]:
        if self.down:
            self.down -= 1
            raise PortDown("away")
        grants = []
        for ask in asks:
            key = (ask.tenant, ask.chunk, ask.round)
            known = self.reserved.get(key, 0)
            for position, count in zip(places(ask.positions), ask.segments, strict=True):
                if not known >> position & 1 and self.money >= ask.price * count:
                    self.money -= ask.price * count
                    known |= 1 << position
            self.reserved[key] = known
            grants.append(CreditGrant(positions=ask.positions & known, lease=None))
        return grants

    async def assign(self, wanted: Sequence[tuple[str, int, Mapping[str, int]]]) -> list[Mapping[str, int]]:
        out: list[Mapping[str, int]] = []
        for chunk, send, carriers in wanted:
            known = self.assigned[chunk, send] = merge(self.assigned.get((chunk, send), {}), carriers)
            out.append(among(known, carriers))
        return out

    async def health(self, places: Sequence[tuple[str, str]]) -> list[CarrierHealth | None]:
        self.health_asked += places
        return [self.carrier_health.get(carrier) for carrier, _ in places]

    async def are_waiting(self, places: Sequence[tuple[str, str]]) -> list[bool]:
        return [carrier in self.work_waits_for for carrier, _ in places]

    async def already_assigned(self, places: Sequence[tuple[str, int]]) -> list[Mapping[str, int]]:
        self.looked_up.append(list(places))
        return [self.assigned.get(place, {}) for place in places]

    async def ask(self, asks: Sequence[CapacityAsk]) -> list[int]:
        out = []
        for ask in asks:
            if ask.bucket:
                out.append(min(self.narrow_room.get(ask.bucket, 0), ask.cost))
                continue
            place = (ask.carrier, ask.lane, ask.chunk, ask.send)
            if place not in self.granted:
                self.granted[place] = min(self.room, ask.cost) if ask.rate > 0 else 0
                self.room -= self.granted[place]
            out.append(self.granted[place])
        return out

    async def lookup(self, receipts: Sequence[UnknownReceipt], now: int) -> list[Found | None]:
        out = [self.found.get(receipt.ids[0]) for receipt in receipts]
        self.parked += [receipt for receipt, found in zip(receipts, out, strict=True) if found is None]
        return out

    async def record_segments(self, receipts: Sequence[SegmentReceipt]) -> list[list[str]]:
        for r in receipts:
            self.segments.setdefault((r.tenant, r.chunk, r.send, r.position), {})[r.id] = r.state
        return [list(self.segments[r.tenant, r.chunk, r.send, r.position].values()) for r in receipts]

    async def newest(self, asks: Sequence[OwnerAsk]) -> list[int]:
        self.asked.append([(ask.topic, ask.partition, ask.offset, ask.timestamp) for ask in asks])
        if self.log_down:
            self.log_down -= 1
            raise PortDown("the log is away")
        epochs = [n if isinstance(record, Owner) else record.epoch for n, record in enumerate(self.log)]
        return [max(epochs[: ask.offset], default=-1) for ask in asks]

    def run(self, status: str = "running", version: int = 2, parts: Sequence[int] = (0,)) -> None:
        """The campaign's command has been read."""
        self.commands[CAMPAIGN] = CampaignCommand(
            tenant=TENANT, campaign=CAMPAIGN, version=version, status=status, lane="marketing", parts=list(parts), at=1
        )

    def cancel(self, positions: int, chunk: str = CHUNK) -> None:
        """The command that cancels these messages of a chunk has been read."""
        self.commands[chunk] = CampaignCommand(
            tenant=TENANT, campaign=chunk, version=1, status="canceled", lane="", parts=[], at=1, positions=positions
        )

    def intake(self, **changes: Any) -> IntakeHandler:
        stage = stage_named("intake")
        return IntakeHandler(replace(self.intake_ports(), **changes), stage.steps, stage.writes)

    def intake_ports(self) -> IntakePorts:
        return IntakePorts(
            campaigns=FakeCampaigns(self),
            config=self,
            sealing=SEALER,
            credit=self,
            capacity=self,
            invalid=lambda numbers: {number for number in numbers if number < 10**8},
            clock=self.clock,
        )

    def settlement(self) -> SettlementHandler:
        return SettlementHandler(
            SettlementPorts(sealing=SEALER, owners=self, clock=self.clock), stage_named("settlement").writes
        )

    def receipts(self) -> ReceiptsHandler:
        return ReceiptsHandler(
            ReceiptsPorts(config=self, sealing=SEALER, refs=self, clock=self.clock), stage_named("receipts").writes
        )


@dataclass(frozen=True)
class FakeCampaigns:
    """The fakes's commands as `Campaigns`: `version` means another thing there than in a store."""

    fakes: FakePorts

    def get(self, campaign: str) -> CampaignCommand | None:
        return self.fakes.get(campaign)

    def version(self, campaign: str) -> int:
        command = self.fakes.get(campaign)
        return 0 if command is None else command.version

    async def wait_versions(self, wanted: Mapping[str, int], timeout: float) -> None:
        self.fakes.waits += wanted.items()


def numbers(count: int, first: int = 4_915_112_340_000) -> list[int]:
    return [first + n for n in range(count)]


def slice_of(
    to: Sequence[int],
    *,
    body: str = "hello",
    variables: Mapping[str, list[str | None]] | None = None,
    refs: list[str | None] | None = None,
    chunk: str = CHUNK,
    campaign: str | None = CAMPAIGN,
    lane: str = "marketing",
    positions: int | None = None,
    size: int | None = None,
    **other: object,
) -> Slice:
    """A sealed slice to these numbers."""
    columns = Columns(to=array("Q", to).tobytes(), variables=dict(variables or {}), refs=refs)
    key_id, sealed = SEALER.seal(columns, tenant=TENANT, campaign=campaign, chunk=chunk)
    members = positions if positions is not None else everyone(len(to))
    fields: dict[str, object] = {
        "tenant": TENANT,
        "campaign": campaign,
        "chunk": chunk,
        "part": 0,
        "size": size or len(to),
        "lane": lane,
        "send": 1,
        "positions": members,
        "version": 2 if campaign else 0,
        "sender": "Sluice",
        "body": body,
        "accepted_at": NOW - 1000,
        "due_at": NOW - 1000,
        "expires_at": NOW + 86_400_000,
        "indexes": array("I", places(members)).tobytes(),
        "key_id": key_id,
        "sealed": sealed,
        **other,
    }
    return Slice(**fields)  # type: ignore[arg-type]


def envelope(*slices: Slice) -> bytes:
    return encode(Envelope(slices=list(slices)))


def some(*members: int) -> int:
    return positions_of(list(members))
