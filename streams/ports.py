"""What the stages ask of the world, in batches, before they decide; implementations are in `adapters/`.

A port whose system is away raises `PortDown`: the runner then keeps the batch and asks again, and nothing is lost or
decided meanwhile. Every call may be repeated with the same arguments without doing anything twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from schemas.records.slice import Columns, Slice
from schemas.records.wire import CampaignCommand
from schemas.rules.caps import Caps
from schemas.rules.carrier_health import CarrierHealth
from schemas.rules.narrow_rates import NarrowRates
from schemas.rules.routes import Route, RouteTable
from schemas.rules.stops import Stop
from schemas.values.profile import Profile
from schemas.values.window import Window


class PortDown(RuntimeError):
    """What the port reaches is away; ask again later."""


class Campaigns(Protocol):
    """The newest command of every campaign."""

    def get(self, campaign: str) -> CampaignCommand | None:
        """The campaign's newest command."""

    def version(self, campaign: str) -> int:
        """Its version; 0 when none was read."""

    async def wait_versions(self, wanted: Mapping[str, int], timeout: float) -> None:
        """Return when these versions, by campaign, have been read, or after `timeout` seconds."""


class Carrier(Protocol):
    """What the stages know of a carrier: segments per second, of senders and networks too, its partition, who carries its
    lanes, how it reports."""

    @property
    def rate(self) -> float: ...
    @property
    def partition(self) -> int: ...
    @property
    def one_process(self) -> bool: ...
    def room_rate(self, lane: str) -> float: ...
    @property
    def one_receipt_for_all_parts(self) -> bool: ...
    @property
    def narrow(self) -> NarrowRates: ...


class Tenant(Protocol):
    """`balance_short`: hold | reject. `quiet_hours`: by lane. `caps`: None without any."""

    @property
    def balance_short(self) -> str: ...
    @property
    def quiet_hours(self) -> Mapping[str, Sequence[Window]]: ...
    @property
    def caps(self) -> Caps | None: ...


class Config(Protocol):
    """Carriers, routes, tenants and profiles as they are now; `version` moves with every change."""

    @property
    def carriers(self) -> Mapping[str, Carrier]: ...
    @property
    def routes(self) -> Sequence[Route]: ...
    @property
    def tenants(self) -> Mapping[str, Tenant]: ...
    @property
    def profiles(self) -> Mapping[str, Profile]: ...
    @property
    def stops(self) -> frozenset[Stop]: ...
    @property
    def version(self) -> int: ...


class Sealing(Protocol):
    """Personal columns: opened, and cut to fewer positions."""

    def open(self, slice_: Slice) -> Columns:
        """The columns of the slice's positions."""

    def seal(self, columns: Columns, *, tenant: str, campaign: str | None, chunk: str) -> tuple[str, bytes]:
        """(key id, sealed bytes) of columns that belong to this chunk."""

    def unseal(self, sealed: bytes, *, key_id: str, tenant: str, campaign: str | None, chunk: str) -> Columns:
        """The columns in a block that belongs to this chunk."""

    def narrow(self, slice_: Slice, positions: int) -> Slice:
        """The slice of these positions alone."""

    def hash_destinations(self, to: bytes) -> bytes:
        """8 bytes for each packed destination."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditAsk:
    """Reserve price x segments for these positions under (tenant, chunk, round, price class). `segments`: uint8 per
    position."""

    tenant: str
    campaign: str | None
    chunk: str
    round: int
    price_class: int
    size: int
    lane: str
    price: int
    positions: int
    segments: bytes
    caps: Caps | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditGrant:
    """The positions that are reserved now, or were before; the allowance they were drawn on, if any. `capped`: those that
    the tenant's caps do not allow before `capped_until` (ms)."""

    positions: int
    lease: str | None
    capped: int = 0
    capped_until: int = 0


class Credit(Protocol):
    """The accounts."""

    async def reserve(self, asks: Sequence[CreditAsk]) -> list[CreditGrant]:
        """One grant per ask, in order. Raises PortDown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityAsk:
    """Room for `cost` segments at a carrier of `rate` segments per second; `least`: those of the first message. `bucket`:
    the room is that of a sender or network there, and the rate its own."""

    carrier: str
    lane: str
    chunk: str
    send: int
    cost: int
    least: int
    rate: float
    bucket: str = ""


class Capacity(Protocol):
    """Room at the carriers; never down: without Redis it answers by itself, smaller."""

    async def assign(self, wanted: Sequence[tuple[str, int, Mapping[str, int]]]) -> list[Mapping[str, int]]:
        """For each (chunk, send, carrier → positions): the carriers written first."""

    async def already_assigned(self, sends: Sequence[tuple[str, int]]) -> list[Mapping[str, int]]:
        """For each (chunk, send): positions by the carrier assigned to them; none without Redis."""

    async def health(self, places: Sequence[tuple[str, str]]) -> list[CarrierHealth | None]:
        """How each (carrier, lane) is doing; None where nobody knows, as without Redis."""

    async def are_waiting(self, places: Sequence[tuple[str, str]]) -> list[bool]:
        """For each (carrier, lane): whether work waits for room there; no where nobody knows, as without Redis."""

    async def ask(self, asks: Sequence[CapacityAsk]) -> list[int]:
        """Segments granted to each, 0 to its cost; nothing where others already wait (otp never waits behind them)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeBatch:
    """What the steps of intake ask while one batch is handled at `now` (milliseconds). `open`: the columns of a slice,
    unsealed once; `invalid`: which of these numbers cannot be sent to."""

    campaigns: Campaigns
    config: Config
    credit: Credit
    capacity: Capacity
    routes: RouteTable
    open: Callable[[Slice], Columns]
    invalid: Callable[[Sequence[int]], Collection[int]]
    now: int


class OwnerAsk(NamedTuple):
    """A record of the log of calls, by its place and its time in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int


class Owners(Protocol):
    """Who owned the partitions of the log of calls."""

    async def newest(self, asks: Sequence[OwnerAsk]) -> list[int]:
        """For each record the epoch of the newest owner who shows in the log before it; -1: nobody. Raises PortDown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownReceipt:
    """A receipt that names no message of ours yet. `ids`: forms of the carrier's id to look for, likeliest first.
    `done_text`: what the carrier wrote for a time, where it is none."""

    carrier: str
    ids: tuple[str, ...]
    to_hash: bytes
    state: str
    code: str
    done_at: int
    done_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The message of a receipt. `id`: the form of the carrier's id that it goes by, '' when it was found by its destination.
    `accepted_at`: of its chunk. `charge_round`: the reservation to charge if the message was uncertain, else None."""

    tenant: str
    campaign: str | None
    chunk: str
    part: int
    size: int
    lane: str
    send: int
    attempts: int
    position: int
    index: int
    segments: int
    price: int
    ref: str | None
    accepted_at: int
    id: str = ""
    charge_round: int | None = None
    price_class: int = 0
    lease: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentReceipt:
    """One segment of a message of several."""

    tenant: str
    chunk: str
    send: int
    position: int
    id: str
    state: str


class Refs(Protocol):
    """What the carriers' ids stand for."""

    async def lookup(self, receipts: Sequence[UnknownReceipt], now: int) -> list[Found | None]:
        """The message of each receipt; those without one are parked until it is known. Raises PortDown."""

    async def record_segments(self, receipts: Sequence[SegmentReceipt]) -> list[list[str]]:
        """Note these segments; for each, the states of all segments of its message so far. Raises PortDown."""
