"""The stage intake: chunks and slices that come in, on their way to a carrier.

In: `ingest-<lane>`. Out: `dispatch-<lane>`, `held`, `message-events-<lane>`, `delivery-receipts` and `usage` for what ends
here. Steps: partition, validate, route, credit, admit; each decides over what the one before let go on.
Guarantee: every position of every slice gets exactly one outcome, all outputs of a burst are acknowledged before its
offsets move, and a repeat names the same chunk, send number and carrier, so that whoever comes later recognises it. With
the accounts away the burst waits (`PortDown`); without Redis carriers get less room; a version of a campaign that has not
been read within a quarter of a second is held as a draft.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from schemas.codec import decode_as, encode
from schemas.ids import message_ids
from schemas.positions import pick_indexes, ranks_within
from schemas.reasons import Reason
from schemas.records import Envelope
from schemas.slices import Columns, RecordError, Slice, Stage, check_slice
from schemas.status import Status
from streams.outcome import DROPPED, DeadLetter, Hold, Next, Outcome, Outcomes, Reject, Retry, check_cover
from streams.part import Part, whole
from streams.ports import Campaigns, Catalog, Credit, CreditAsk, CreditGrant, Sealing, Space, SpaceAsk
from streams.sheet import Sheet, ranks
from streams.stage import Inbound, Item, Written
from streams.steps import admit_to_carrier, partition_slice, reserve_credit, route_slice, validate_text
from streams.steps.route_slice import RouteTable

VERSION_WAIT = 0.25
PRICE_ROUND = 1 << 20
"""Positions of one slice with another price are reserved under a round of their own, this far apart."""

ENDS = {Reason.CANCELED: Status.CANCELED, Reason.VALIDITY_ENDED: Status.EXPIRED}


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakePorts:
    """Everything that intake asks."""

    campaigns: Campaigns
    catalog: Catalog
    sealing: Sealing
    credit: Credit
    space: Space
    is_valid: Callable[[int], bool]
    clock: Callable[[], int]


class Intake:
    """The stage at work."""

    def __init__(self, ports: IntakePorts) -> None:
        self._ports = ports
        self._table = RouteTable((), ())
        self._table_version = -1

    def open(self, record: Inbound) -> list[Item]:
        """A slice each."""
        slices = decode_as(record.value, Envelope).slices
        for slice_ in slices:
            check_slice(slice_)
            if not record.topic.endswith(f"-{slice_.lane}"):
                raise RecordError(f"lane: a slice of {slice_.lane} on {record.topic}")
        return [Item(record, place, slice_) for place, slice_ in enumerate(slices)]

    def wrap(self, item: Item) -> bytes:
        """The slice in an envelope of its own."""
        return encode(Envelope(slices=[item.content]))

    async def handle(self, items: Sequence[Item]) -> Written:
        """One burst."""
        slices: list[Slice] = [item.content for item in items]
        await self._await_versions(slices)
        burst = Burst(self._ports, self.routes(), self._ports.clock())
        parts = [part for slice_ in slices for part in burst.look_at(slice_)]
        parts = burst.pay(parts, await self._reserve(parts))
        parts = await self._assign(parts)
        burst.admit(parts, await self._ports.space.ask([_space(part, self._rate(part)) for part in parts]))
        return Written(outputs=burst.sheet.outputs())

    def routes(self) -> RouteTable:
        """The table of the newest routes."""
        catalog = self._ports.catalog
        if catalog.version != self._table_version:
            self._table = RouteTable(catalog.routes, catalog.carriers.keys())
            self._table_version = catalog.version
        return self._table

    async def _await_versions(self, slices: Iterable[Slice]) -> None:
        """Give campaigns that are newer than what was read a moment, all of the burst together."""
        campaigns = self._ports.campaigns
        behind = {s.campaign: s.version for s in slices if s.campaign and campaigns.version(s.campaign) < s.version}
        if behind:
            await asyncio.gather(*(campaigns.wait_version(c, v, VERSION_WAIT) for c, v in behind.items()))

    async def _reserve(self, parts: Sequence[Part]) -> list[CreditGrant]:
        """Grants for all parts; what is free needs none."""
        asks = {n: CreditAsk(tenant=p.slice.tenant, campaign=p.slice.campaign, chunk=p.slice.chunk, round=p.round,
                             size=p.slice.size, lane=p.slice.lane, price=p.price, positions=p.positions,
                             segments=p.segments) for n, p in enumerate(parts) if p.price}
        grants = dict(zip(asks, await self._ports.credit.reserve(list(asks.values())), strict=True)) if asks else {}
        return [grants.get(n) or CreditGrant(positions=part.positions, lease=None) for n, part in enumerate(parts)]

    async def _assign(self, parts: Sequence[Part]) -> list[Part]:
        """The parts under the carriers that were written first for their positions."""
        sends: dict[tuple[str, str, int], list[Part]] = {}
        for part in parts:
            sends.setdefault((part.slice.tenant, part.slice.chunk, part.slice.send), []).append(part)
        wanted = [(chunk, send, _by_carrier(group)) for (_, chunk, send), group in sends.items()]
        first = await self._ports.space.assign(wanted)
        known = self._ports.catalog.carriers
        out: list[Part] = []
        for group, carriers in zip(sends.values(), first, strict=True):
            for part in group:
                for carrier, positions in _split(part, carriers):
                    cut = part.cut(positions)
                    out.append(replace(cut, carrier=carrier) if carrier in known else cut)
        return out

    def _rate(self, part: Part) -> int:
        return self._ports.catalog.carriers[part.carrier or ""].rate


class Burst:
    """The decisions over one burst, and what they write."""

    def __init__(self, ports: IntakePorts, routes: RouteTable, now: int) -> None:
        self._ports = ports
        self._routes = routes
        self._columns: dict[int, Columns] = {}
        self.sheet = Sheet(now)

    def look_at(self, slice_: Slice) -> list[Part]:
        """The steps before anything is paid: parts with segments, carrier and price."""
        command = self._ports.campaigns.get(slice_.campaign) if slice_.campaign else None
        facts = partition_slice.CampaignFacts(command=command, now=self.sheet.now)
        parts = self._settle(whole(slice_), partition_slice.decide(whole(slice_), facts))
        out: list[Part] = []
        for part in parts:
            columns = self._open(slice_)
            text = validate_text.TextFacts(columns=columns, is_valid=self._ports.is_valid)
            for valid in self._settle(part, validate_text.decide(part, text)):
                found = route_slice.decide(valid, route_slice.RouteFacts(columns=columns, routes=self._routes))
                out += _by_price(self._settle(valid, found))
        return out

    def pay(self, parts: Sequence[Part], grants: Sequence[CreditGrant]) -> list[Part]:
        """The parts that are paid for."""
        out: list[Part] = []
        for part, grant in zip(parts, grants, strict=True):
            tenant = self._ports.catalog.tenants.get(part.slice.tenant)
            facts = reserve_credit.CreditFacts(
                granted=grant.positions, lease=grant.lease, now=self.sheet.now,
                reject_when_short=tenant is not None and tenant.balance_short == "reject")
            out += self._settle(part, reserve_credit.decide(part, facts))
        return out

    def admit(self, parts: Sequence[Part], room: Sequence[int]) -> None:
        """What has room goes to dispatch."""
        for part, granted in zip(parts, room, strict=True):
            facts = admit_to_carrier.RoomFacts(granted=granted, now=self.sheet.now)
            for going in self._settle(part, admit_to_carrier.decide(part, facts)):
                self.sheet.dispatch(self._sealed(going), self._ports.catalog.carriers[going.carrier or ""].partition)
                self._change(going, Status.QUEUED, Reason.NONE)

    def _settle(self, part: Part, outcomes: Outcomes) -> list[Part]:
        """Write what does not go on; the parts that do."""
        check_cover(part.positions, outcomes)
        return [going for outcome in outcomes for going in self._write(part, outcome)]

    def _write(self, part: Part, outcome: Outcome) -> list[Part]:
        match outcome:
            case Next():
                return [part.advance(outcome)]
            case Hold():
                held = part.cut(outcome.positions)
                self.sheet.hold(self._unsealed(held), outcome.reason, outcome.until)
                if outcome.reason is not Reason.DRAFT:
                    self._change(held, Status.HELD, outcome.reason)
            case Reject(reason=reason) if reason in DROPPED:
                pass
            case Reject():
                self._end(part.cut(outcome.positions), ENDS.get(outcome.reason, Status.REJECTED), outcome.reason)
            case Retry() | DeadLetter():
                raise TypeError(f"no step of intake may say {type(outcome).__name__}")
        return []

    def _end(self, part: Part, status: Status, reason: Reason) -> None:
        """These messages are over: event, public events, and their money back if some was reserved before."""
        slice_ = part.slice
        self._change(part, status, reason)
        reserved = slice_.price > 0 and bool(slice_.segments)
        if reserved:
            self.sheet.usage(slice_, round_=part.round, charged=0, refunded=part.positions, price=slice_.price,
                             segments=part.segments, lease=slice_.lease)
        columns = self._open(slice_)
        hashes = self._ports.sealing.hash_destinations(columns.to)
        shared = self.sheet.shared(slice_, status, slice_.send, reason, carrier=part.carrier,
                                   price=part.price if part.price else None, attempt=slice_.attempts)
        ids = message_ids(slice_.campaign, slice_.chunk, slice_.part, slice_.indexes)
        for n, (rank, _) in enumerate(ranks(slice_.positions, part.positions)):
            self.sheet.public(shared, ids[rank], ref=columns.refs[rank] if columns.refs else None,
                              to_hash=hashes[8 * rank:8 * rank + 8], code=None, carrier_id=None,
                              segments=part.segments[n] if part.segments else None, occurred_at=self.sheet.now)

    def _change(self, part: Part, status: Status, reason: Reason) -> None:
        self.sheet.change(part.slice, status, part.slice.send, part.positions, reason, carrier=part.carrier,
                          price=part.price, segments=part.segments)

    def _open(self, slice_: Slice) -> Columns:
        columns = self._columns.get(id(slice_))
        if columns is None:
            columns = self._columns[id(slice_)] = self._ports.sealing.open(slice_)
        return columns

    def _sealed(self, part: Part) -> Slice:
        """The slice of a part with its columns."""
        return _filled(self._ports.sealing.narrow(part.slice, part.positions), part)

    def _unsealed(self, part: Part) -> Slice:
        """The slice of a part for the waiting room: the first send is completed from the stored payload."""
        slice_ = part.slice
        if slice_.send > 1:
            return self._sealed(part)
        indexes = slice_.indexes if part.positions == slice_.positions else pick_indexes(
            slice_.indexes, ranks_within(slice_.positions, part.positions))
        return msgspec.structs.replace(_filled(slice_, part), positions=part.positions, indexes=indexes, sealed=b"")


def _filled(slice_: Slice, part: Part) -> Slice:
    return msgspec.structs.replace(
        slice_, segments=part.segments, carrier=part.carrier, price=part.price, lease=part.lease, round=part.round,
        stage=Stage.ROUTE if part.segments else slice_.stage)


def _by_price(parts: list[Part]) -> list[Part]:
    """The parts with a round of their own for each price: a reservation knows one price."""
    prices = sorted({part.price for part in parts})
    return parts if len(prices) < 2 else [
        replace(part, round=part.round + PRICE_ROUND * prices.index(part.price)) for part in parts]


def _by_carrier(parts: Iterable[Part]) -> dict[str, int]:
    wanted: dict[str, int] = {}
    for part in parts:
        wanted[part.carrier or ""] = wanted.get(part.carrier or "", 0) | part.positions
    return wanted


def _split(part: Part, carriers: Mapping[str, int]) -> list[tuple[str, int]]:
    """The part's positions by the carrier written first; what stands nowhere keeps its own."""
    shares = [(carrier, part.positions & positions) for carrier, positions in carriers.items()]
    shares = [(carrier, positions) for carrier, positions in shares if positions]
    left = part.positions & ~sum(positions for _, positions in shares)
    return [*shares, (part.carrier or "", left)] if left else shares


def _space(part: Part, rate: int) -> SpaceAsk:
    return SpaceAsk(carrier=part.carrier or "", lane=part.slice.lane, chunk=part.slice.chunk, send=part.slice.send,
                    cost=part.total_segments, least=part.segments[0], rate=rate)
