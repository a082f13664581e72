"""The stage intake: chunks and slices that come in, on their way to a carrier.

In: `ingest-<lane>`. Out: `dispatch-<lane>`, `held`, `message-events-<lane>`, `delivery-receipts` and `usage` for what ends
here. Steps: partition, validate, route, credit, admit; each decides over what the one before let go on.
Guarantee: every position of every slice gets exactly one outcome, all outputs of a burst are acknowledged before its
offsets move, and a repeat names the same chunk, send number and carrier, so that whoever comes later recognises it. What a
first run gave to a carrier is not ended by a repeat, though its campaign was canceled, its validity ended or its route went
away meanwhile: it goes to the same carrier, where dispatch strikes what it has and gives the rest back as over.
With the accounts away the burst waits (`PortDown`). Without Redis carriers get less room, and nobody knows what a first run
gave away: a burst repeated just then may end messages that are sent all the same, with a public event and a refund that
the carrier's answer corrects later. A version of a campaign that has not been read within a quarter of a second is held as
a draft.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from schemas.records.codec import decode_as, encode
from schemas.records.slice import RecordError, Slice, check_slice
from schemas.records.splits import split_slice
from schemas.records.wire import Envelope
from streams.handler import Inbound, Item, Written
from streams.intake.intake_batch import IntakeBatch, IntakePorts
from streams.ports import CapacityAsk, CreditAsk, CreditGrant
from streams.selection import Selection
from streams.steps.route_slice import RouteTable

VERSION_WAIT = 0.25


class Intake:
    """The stage at work."""

    def __init__(self, ports: IntakePorts) -> None:
        self._ports = ports
        self._table = RouteTable((), ())
        self._table_version = -1

    def open(self, record: Inbound) -> list[Item]:
        """A slice each."""
        return [Item(record, place, slice_) for place, slice_ in enumerate(decode_as(record.value, Envelope).slices)]

    def check(self, item: Item) -> None:
        """A slice that agrees with itself and with its topic."""
        check_slice(item.content)
        if not item.source.topic.endswith(f"-{item.content.lane}"):
            raise RecordError(f"lane: a slice of {item.content.lane} on {item.source.topic}")

    def split(self, item: Item) -> list[Slice]:
        """Its lower and its upper positions."""
        return split_slice(item.content, self._ports.sealing)

    def wrap(self, item: Item) -> bytes:
        """The slice in an envelope of its own."""
        return encode(Envelope(slices=[item.content]))

    async def handle(self, items: Sequence[Item]) -> Written:
        """One burst."""
        slices: list[Slice] = [item.content for item in items]
        await self._await_versions(slices)
        burst = IntakeBatch(self._ports, self.routes(), self._ports.clock())
        parts = [part for slice_ in slices for part in burst.look_at(slice_)]
        parts += await self._spare(burst)
        parts = burst.pay(parts, await self._reserve(parts))
        parts += await self._spare(burst)
        parts = await self._assign(parts)
        burst.admit(parts, await self._room(burst, parts))
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

    async def _spare(self, burst: IntakeBatch) -> list[Selection]:
        """End what is to end; the parts of it that go on, for a first run gave them to a carrier."""
        ending = burst.ending()
        if not ending:
            return []
        sends = list(dict.fromkeys((part.slice.chunk, part.slice.send) for part, _ in ending))
        assigned = dict(zip(sends, await self._ports.space.already_assigned(sends), strict=True))
        return [spared for part, outcome in ending
                for spared in burst.end(part, outcome, assigned[part.slice.chunk, part.slice.send])]

    async def _reserve(self, parts: Sequence[Selection]) -> list[CreditGrant]:
        """Grants for all parts; what is free needs none."""
        asks = {n: CreditAsk(tenant=p.slice.tenant, campaign=p.slice.campaign, chunk=p.slice.chunk, round=p.slice.round,
                             price_class=p.price_class, size=p.slice.size, lane=p.slice.lane, price=p.price, positions=p.positions,
                             segments=p.segments) for n, p in enumerate(parts) if p.price}
        grants = dict(zip(asks, await self._ports.credit.reserve(list(asks.values())), strict=True)) if asks else {}
        return [grants.get(n) or CreditGrant(positions=part.positions, lease=None) for n, part in enumerate(parts)]

    async def _assign(self, parts: Sequence[Selection]) -> list[Selection]:
        """The parts under the carriers that were written first for their positions."""
        sends: dict[tuple[str, str, int], list[Selection]] = {}
        for part in parts:
            sends.setdefault((part.slice.tenant, part.slice.chunk, part.slice.send), []).append(part)
        wanted = [(chunk, send, _by_carrier(group)) for (_, chunk, send), group in sends.items()]
        first = await self._ports.space.assign(wanted)
        known = self._ports.catalog.carriers
        out: list[Selection] = []
        for group, carriers in zip(sends.values(), first, strict=True):
            for part in group:
                for carrier, positions in _split(part, carriers):
                    cut = part.cut(positions)
                    out.append(replace(cut, carrier=carrier) if carrier in known else cut)
        return out

    async def _room(self, burst: IntakeBatch, parts: Sequence[Selection]) -> list[int]:
        """Room for each part, in segments; what is over needs none."""
        asks = {n: _space(part, self._rate(part)) for n, part in enumerate(parts) if not burst.is_over(part)}
        granted = dict(zip(asks, await self._ports.space.ask(list(asks.values())), strict=True))
        return [granted.get(n, part.total_segments) for n, part in enumerate(parts)]

    def _rate(self, part: Selection) -> int:
        return self._ports.catalog.carriers[part.carrier or ""].rate


def _by_carrier(parts: Iterable[Selection]) -> dict[str, int]:
    wanted: dict[str, int] = {}
    for part in parts:
        wanted[part.carrier or ""] = wanted.get(part.carrier or "", 0) | part.positions
    return wanted


def _split(part: Selection, carriers: Mapping[str, int]) -> list[tuple[str, int]]:
    """The part's positions by the carrier written first; what stands nowhere keeps its own."""
    shares = [(carrier, part.positions & positions) for carrier, positions in carriers.items()]
    shares = [(carrier, positions) for carrier, positions in shares if positions]
    left = part.positions & ~sum(positions for _, positions in shares)
    return [*shares, (part.carrier or "", left)] if left else shares


def _space(part: Selection, rate: int) -> CapacityAsk:
    return CapacityAsk(carrier=part.carrier or "", lane=part.slice.lane, chunk=part.slice.chunk, send=part.slice.send,
                    cost=part.total_segments, least=part.segments[0], rate=rate)
