"""The decisions of intake over one burst, and what they write.

In: slices; grants, room, and the carriers that a first run gave positions to, as `intake.py` asks for them. Out: parts that
go on, and a sheet of outputs. What would end for a reason that may not have held at a first run is set aside, until it is
known what that run gave to a carrier (`ending`, `end`). Nothing here waits or asks; `CoverError` for a step that forgets
positions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from schemas.records.slice import Columns, ResumeAt, Slice
from schemas.values.ids import message_ids
from schemas.values.positions import pick_indexes, ranks_within
from schemas.values.reasons import Reason
from schemas.values.status import Status
from streams.outcome import DROPPED, DeadLetter, Hold, Next, Outcome, Outcomes, Reject, Retry, check_cover
from streams.output_batch import OutputBatch, ranks
from streams.ports import Campaigns, CapacityPort, Catalog, Credit, CreditGrant, Sealing
from streams.selection import Selection, whole
from streams.steps import admit_to_carrier, check_campaign, keep_assigned, reserve_credit, route_slice, validate_text
from streams.steps.route_slice import RouteTable

ENDS = {Reason.CANCELED: Status.CANCELED, Reason.VALIDITY_ENDED: Status.EXPIRED}


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakePorts:
    """Everything that intake asks."""

    campaigns: Campaigns
    catalog: Catalog
    sealing: Sealing
    credit: Credit
    space: CapacityPort
    invalid: Callable[[Sequence[int]], Collection[int]]
    clock: Callable[[], int]


class IntakeBatch:
    """The decisions over one burst, and what they write."""

    def __init__(self, ports: IntakePorts, routes: RouteTable, now: int) -> None:
        self._ports = ports
        self._routes = routes
        self._columns: dict[int, Columns] = {}
        self._ending: list[tuple[Selection, Reject]] = []
        self._over: set[tuple[str, str, int]] = set()
        self.sheet = OutputBatch(now)

    def look_at(self, slice_: Slice) -> list[Selection]:
        """The steps before anything is paid: parts with segments, carrier and price."""
        command = self._ports.campaigns.get(slice_.campaign) if slice_.campaign else None
        facts = check_campaign.CampaignFacts(command=command, now=self.sheet.now)
        parts = self._settle(whole(slice_), check_campaign.decide(whole(slice_), facts))
        out: list[Selection] = []
        for part in parts:
            columns = self._open(slice_)
            text = validate_text.TextFacts(columns=columns, invalid=self._ports.invalid)
            for valid in self._settle(part, validate_text.decide(part, text)):
                found = route_slice.decide(valid, route_slice.RouteFacts(columns=columns, routes=self._routes))
                out += _by_price(self._settle(valid, found))
        return out

    def ending(self) -> list[tuple[Selection, Reject]]:
        """What was to end since this was last asked; to be given to `end`."""
        ending, self._ending = self._ending, []
        return ending

    def end(self, part: Selection, ending: Reject, assigned: Mapping[str, int]) -> list[Selection]:
        """These messages are over, but for those that stand with a carrier already: they go on to it, whatever changed."""
        carriers = {carrier: positions for carrier, positions in assigned.items() if self._routes.knows(carrier)}
        outcomes = keep_assigned.decide(part, keep_assigned.KeepFacts(
            reason=ending.reason, carriers=carriers, now=self.sheet.now))
        check_cover(part.positions, outcomes)
        spared: list[Selection] = []
        for outcome in outcomes:
            if isinstance(outcome, Reject):
                self._end(part.cut(outcome.positions), ENDS.get(outcome.reason, Status.REJECTED), outcome.reason)
            else:
                spared += self._write(part, outcome)
        if ending.reason not in ENDS:
            return [self._priced(one, one.carrier) for one in spared]
        self._over |= {_send(one) for one in spared}
        return [again for one in spared for again in self._look_again(one, ending.reason)]

    def is_over(self, part: Selection) -> bool:
        """Whether this goes on to dispatch only to be struck out or given back there: it takes no room."""
        return _send(part) in self._over

    def pay(self, parts: Sequence[Selection], grants: Sequence[CreditGrant]) -> list[Selection]:
        """The parts that are paid for."""
        out: list[Selection] = []
        for part, grant in zip(parts, grants, strict=True):
            tenant = self._ports.catalog.tenants.get(part.slice.tenant)
            facts = reserve_credit.CreditFacts(
                granted=grant.positions, lease=grant.lease, now=self.sheet.now,
                reject_when_short=tenant is not None and tenant.balance_short == "reject")
            out += self._settle(part, reserve_credit.decide(part, facts))
        return out

    def admit(self, parts: Sequence[Selection], room: Sequence[int]) -> None:
        """What has room goes to dispatch."""
        for part, granted in zip(parts, room, strict=True):
            facts = admit_to_carrier.RoomFacts(granted=granted, now=self.sheet.now)
            for going in self._settle(part, admit_to_carrier.decide(part, facts)):
                self.sheet.dispatch(self._sealed(going), self._ports.catalog.carriers[going.carrier or ""].partition)
                self._change(going, Status.QUEUED, Reason.NONE)

    def _settle(self, part: Selection, outcomes: Outcomes) -> list[Selection]:
        """Write what does not go on; the parts that do."""
        check_cover(part.positions, outcomes)
        return [going for outcome in outcomes for going in self._write(part, outcome)]

    def _write(self, part: Selection, outcome: Outcome) -> list[Selection]:
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
            case Reject(reason=reason) if reason in keep_assigned.CHANGING:
                self._ending.append((part.cut(outcome.positions), outcome))
            case Reject():
                self._end(part.cut(outcome.positions), Status.REJECTED, outcome.reason)
            case Retry() | DeadLetter():
                raise TypeError(f"no step of intake may say {type(outcome).__name__}")
        return []

    def _end(self, part: Selection, status: Status, reason: Reason) -> None:
        """These messages are over: event, public events, and their money back if some was reserved before."""
        slice_ = part.slice
        self._change(part, status, reason)
        reserved = slice_.price > 0 and bool(slice_.segments)
        if reserved:
            self.sheet.usage(slice_, round_=slice_.round, price_class=part.price_class, charged=0, refunded=part.positions, price=slice_.price,
                             segments=part.segments, lease=slice_.lease)
        columns = self._open(slice_)
        hashes = self._ports.sealing.hash_destinations(columns.to)
        shared = self.sheet.shared(slice_, status, slice_.send, reason, carrier=part.carrier,
                                   price=part.price if part.price else None, attempt=slice_.attempts)
        ids = message_ids(slice_.campaign, slice_.chunk, slice_.part, slice_.indexes)
        ending = [rank for rank, _ in ranks(slice_.positions, part.positions)]
        self.sheet.public(shared.records(
            [ids[rank] for rank in ending], hashes=b"".join(hashes[8 * rank:8 * rank + 8] for rank in ending),
            times=[self.sheet.now] * len(ending), refs=[columns.refs[rank] for rank in ending] if columns.refs else None,
            segments=part.segments or None))

    def _look_again(self, spared: Selection, reason: Reason) -> list[Selection]:
        """What is over and goes on, with the segments, rounds and prices that a first run found out."""
        out: list[Selection] = []
        for found in self._found_out(spared.slice):
            mine = found.positions & spared.positions
            out += [self._priced(found.cut(mine), spared.carrier)] if mine else []
        left = spared.positions & ~sum(part.positions for part in out)
        if left:
            self._end(spared.cut(left), ENDS[reason], reason)
        return out

    def _found_out(self, slice_: Slice) -> list[Selection]:
        """All positions that a message can be made of; what no route serves has no carrier. Nothing is written."""
        columns = self._open(slice_)
        text = validate_text.TextFacts(columns=columns, invalid=self._ports.invalid)
        out: list[Selection] = []
        for valid in _going(whole(slice_), validate_text.decide(whole(slice_), text)):
            ways = route_slice.decide(valid, route_slice.RouteFacts(columns=columns, routes=self._routes))
            out += _by_price(_going(valid, ways))
            out += [valid.cut(way.positions) for way in ways if isinstance(way, Reject)]
        return out

    def _priced(self, part: Selection, carrier: str | None) -> Selection:
        return replace(part, carrier=carrier, price=part.price or self._routes.lowest_price(carrier or ""))

    def _change(self, part: Selection, status: Status, reason: Reason) -> None:
        self.sheet.change(part.slice, status, part.slice.send, part.positions, reason, carrier=part.carrier,
                          price=part.price, segments=part.segments)

    def _open(self, slice_: Slice) -> Columns:
        columns = self._columns.get(id(slice_))
        if columns is None:
            columns = self._columns[id(slice_)] = self._ports.sealing.open(slice_)
        return columns

    def _sealed(self, part: Selection) -> Slice:
        """The slice of a part with its columns."""
        return _filled(self._ports.sealing.narrow(part.slice, part.positions), part)

    def _unsealed(self, part: Selection) -> Slice:
        """The slice of a part for the waiting room: the first send is completed from the stored payload."""
        slice_ = part.slice
        if slice_.send > 1:
            return self._sealed(part)
        indexes = slice_.indexes if part.positions == slice_.positions else pick_indexes(
            slice_.indexes, ranks_within(slice_.positions, part.positions))
        return msgspec.structs.replace(_filled(slice_, part), positions=part.positions, indexes=indexes, sealed=b"")


def _filled(slice_: Slice, part: Selection) -> Slice:
    return msgspec.structs.replace(
        slice_, segments=part.segments, carrier=part.carrier, price=part.price, lease=part.lease, price_class=part.price_class,
        resume_at=ResumeAt.ROUTE if part.segments else slice_.resume_at)


def _by_price(parts: list[Selection]) -> list[Selection]:
    """The parts with a class of their own for each price: a reservation knows one price."""
    prices = sorted({part.price for part in parts})
    return parts if len(prices) < 2 else [
        replace(part, price_class=part.price_class + prices.index(part.price)) for part in parts]


def _going(part: Selection, outcomes: Outcomes) -> list[Selection]:
    return [part.advance(outcome) for outcome in outcomes if isinstance(outcome, Next)]


def _send(part: Selection) -> tuple[str, str, int]:
    return part.slice.tenant, part.slice.chunk, part.slice.send
