"""The stage settlement: what dispatch noted about its calls becomes states, money and further tries.

In: `attempts-<lane>` (owner, started, settled, returned). Out: `message-events-<lane>`, `usage`, `delivery-receipts` for
what failed, `retry-10s-<lane>`, `held`; a dead letter beside the end of what a carrier refused with an unknown code.
Guarantee: dispatch never makes the next send, this stage alone does, once per
(chunk, send): a repeat writes the same records under the same numbers. A record of an owner that has been replaced may
only turn uncertain into sent or failed; who is the newest, the log says (`reigns.py`): while it cannot be read back the
burst waits. A start whose answer is in the same burst makes no event of its own. A record that cannot be
taken is cut by verdict and position; what fails alone is buried alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from infra.kafka.dead_letter import dead_letter
from schemas.records.codec import DecodeError, decode, encode
from schemas.records.settled import check_settled
from schemas.records.slice import Slice, check_names, check_positions, check_slice
from schemas.records.splits import pick_positions, split
from schemas.records.topics import DEAD_LETTER
from schemas.records.wire import Envelope, Owner, Record, Returned, Settled, Started
from schemas.values.foreign_text import CODE_LENGTH, fit
from schemas.values.ids import message_ids
from schemas.values.reasons import Reason
from schemas.values.status import Status
from streams.handler import Inbound, Item, Output, Written
from streams.outcome import DROPPED, DeadLetter, Hold, Next, Outcome, Reject, Retry, check_cover
from streams.output_batch import OutputBatch, ranks
from streams.ports import Owners, Sealing
from streams.settlement.owner_epochs import OwnerEpochs
from streams.steps import retry_slice, settle_block

SERVICE = "streams"
UNKNOWN = "unknown"
"""Class of an answer that no table lists; the others are permanent, throttled and transient."""
ENDS = {Reason.CANCELED: Status.CANCELED, Reason.VALIDITY_ENDED: Status.EXPIRED}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementPorts:
    """Everything that settlement needs."""

    sealing: Sealing
    owners: Owners
    clock: Callable[[], int]


class Settlement:
    """The stage at work."""

    def __init__(self, ports: SettlementPorts) -> None:
        self._ports = ports
        self._reigns = OwnerEpochs(ports.owners)

    def open(self, record: Inbound) -> list[Item]:
        """The record itself."""
        content = decode(record.value)
        if not isinstance(content, Owner | Started | Settled | Returned):
            raise DecodeError(f"a {type(content).__name__} does not belong on {record.topic}")
        return [Item(record, 0, fit_codes(content) if isinstance(content, Settled) else content)]

    def check(self, item: Item) -> None:
        """Names, and the columns of what is not at its end."""
        match item.content:
            case Started() | Settled() as record:
                check_names(record.tenant, record.campaign, record.chunk)
                check_positions(record.size, record.positions)
        if isinstance(item.content, Settled):
            check_settled(item.content)
        rest = item.content.rest if isinstance(item.content, Settled | Returned) else None
        if rest is not None:
            check_slice(rest)

    def split(self, item: Item) -> list[Record]:
        """By verdict, then by position."""
        return split(item.content, self._ports.sealing)

    def wrap(self, item: Item) -> bytes | None:
        """The record as it is, or the piece of one."""
        return encode(item.content) if item.cut else item.source.value

    async def handle(self, items: Sequence[Item]) -> Written:
        """One burst; records of a partition in their order."""
        newest = await self._reigns.newest(items)
        sheet = OutputBatch(self._ports.clock())
        answered = _answered(items)
        letters: list[Output] = []
        for item, owner in zip(items, newest, strict=True):
            match item.content:
                case Started() as record:
                    _sending(sheet, record, answered)
                case Settled() as record:
                    block = Block(self._ports.sealing, sheet, record)
                    block.write(outdated=record.epoch < owner)
                    letters += [_letter(item.source, record, dead, self._ports) for dead in block.buried]
                case Returned() as record if record.epoch == owner:
                    _returned(self._ports.sealing, sheet, record)
        return Written(outputs=[*sheet.outputs(), *letters])


class Block:
    """One settled block and what it writes. `buried`: what the operator is to look at, besides."""

    def __init__(self, sealing: Sealing, sheet: OutputBatch, block: Settled) -> None:
        self._sealing = sealing
        self._sheet = sheet
        self._block = block
        self._charged = 0
        self._refunded = 0
        self.buried: list[DeadLetter] = []
        self._refs: Sequence[str | None] | None = None

    def write(self, *, outdated: bool) -> None:
        """Every position's outcome."""
        block = self._block
        outcomes = settle_block.decide(block, outdated=outdated)
        check_cover(block.positions, outcomes)
        for outcome in outcomes:
            self._write(outcome)
        for (reason, not_before), positions in _retries(outcomes).items():
            if block.rest is not None:
                rest = self._sealing.narrow(block.rest, positions)
                self._sheet.retry(retry_slice.next_try(rest, reason, block.at), reason, not_before)
        self._settle_money()

    def _write(self, outcome: Outcome) -> None:
        match outcome:
            case Next():
                self._charged |= outcome.positions
                self._change(Status.SENT, outcome.positions, Reason.NONE)
            case Hold():
                self._change(Status.UNCERTAIN, outcome.positions, outcome.reason)
            case Reject(reason=reason) if reason in DROPPED:
                pass
            case Reject():
                self._fail(outcome)
            case Retry():
                self._refunded |= outcome.positions
                self._sheet.change(self._block, Status.HELD, self._block.send + 1, outcome.positions, outcome.reason,
                                   carrier=self._block.carrier)
            case DeadLetter():
                self._fail(Reject(positions=outcome.positions, reason=outcome.reason, code=outcome.detail or None))
                self.buried.append(outcome)

    def _fail(self, failed: Reject) -> None:
        if failed.reason is Reason.PARTIAL:
            self._charged |= failed.positions
        else:
            self._refunded |= failed.positions
        self._change(Status.FAILED, failed.positions, failed.reason, failed.code)
        self._publish(failed)

    def _change(self, status: Status, positions: int, reason: Reason, code: str | None = None) -> None:
        self._sheet.change(self._block, status, self._block.send, positions, reason, code=code,
                           carrier=self._block.carrier, price=self._block.price)

    def _publish(self, failed: Reject) -> None:
        block = self._block
        if self._refs is None:
            self._refs = _refs(block, self._sealing)
        shared = self._sheet.shared(block, Status.FAILED, block.send, failed.reason, carrier=block.carrier,
                                    price=block.price, attempt=block.attempts + 1)
        ids = message_ids(block.campaign, block.chunk, block.part, block.indexes)
        failing = [rank for rank, _ in ranks(block.positions, failed.positions)]
        self._sheet.public(shared.records(
            [ids[rank] for rank in failing], hashes=b"".join(block.to_hashes[8 * rank:8 * rank + 8] for rank in failing),
            times=[block.at] * len(failing), codes=[failed.code] * len(failing),
            refs=[self._refs[rank] for rank in failing] if self._refs else None,
            segments=[block.segments[rank] for rank in failing] if block.segments else None))

    def _settle_money(self) -> None:
        block = self._block
        touched = self._charged | self._refunded
        segments = block.segments
        partial = settle_block.accepted_segments(block)
        if partial or touched != block.positions:
            segments = bytes([partial.get(p, block.segments[rank]) for rank, p in ranks(block.positions, touched)])
        self._sheet.usage(block, round_=block.round, price_class=block.price_class, charged=self._charged, refunded=self._refunded, price=block.price,
                          segments=segments, lease=block.lease)


def fit_codes(settled: Settled) -> Settled:
    """The record with carriers' codes as they can be kept and published."""
    verdicts = [v if v.code is None else replace(v, code=fit(v.code, CODE_LENGTH)) for v in settled.verdicts]
    return settled if verdicts == settled.verdicts else replace(settled, verdicts=verdicts)


def _letter(source: Inbound, block: Settled, dead: DeadLetter, ports: SettlementPorts) -> Output:
    """The dead letter of these positions: their slice in an envelope, or the record of them where it does not hold them."""
    rest = block.rest
    value = (encode(pick_positions(block, dead.positions, ports.sealing)) if rest is None or dead.positions & ~rest.positions
             else encode(Envelope(slices=[ports.sealing.narrow(rest, dead.positions)])))
    key, content, headers = dead_letter(
        source.topic, source.partition, source.offset, source.timestamp, source.key, value, source.headers,
        error_class=UNKNOWN, code=dead.reason, service=SERVICE, now=ports.clock(),
        message=f"{block.carrier} answered {dead.detail} to {dead.positions.bit_count()} messages of {block.chunk}")
    return Output(DEAD_LETTER, key, content, headers)


def _retries(outcomes: Sequence[Outcome]) -> dict[tuple[Reason, int], int]:
    """Positions that go again, by reason and moment."""
    out: dict[tuple[Reason, int], int] = {}
    for outcome in outcomes:
        if isinstance(outcome, Retry):
            key = outcome.reason, outcome.not_before
            out[key] = out.get(key, 0) | outcome.positions
    return out


def _answered(items: Sequence[Item]) -> dict[tuple[str, int], int]:
    """Positions of (chunk, send) whose answer is among these records."""
    out: dict[tuple[str, int], int] = {}
    for item in items:
        record = item.content
        if isinstance(record, Settled):
            out[record.chunk, record.send] = out.get((record.chunk, record.send), 0) | record.positions
    return out


def _sending(sheet: OutputBatch, started: Started, answered: Mapping[tuple[str, int], int]) -> None:
    waiting = started.positions & ~answered.get((started.chunk, started.send), 0)
    if waiting:
        sheet.change(started, Status.SENDING, started.send, waiting, Reason.NONE, carrier=started.carrier)


def _returned(sealing: Sealing, sheet: OutputBatch, returned: Returned) -> None:
    rest = returned.rest
    outcomes = retry_slice.decide_returned(rest, returned.reason, returned.at)
    check_cover(rest.positions, outcomes)
    for outcome in outcomes:
        if isinstance(outcome, Hold):
            again = retry_slice.given_back(rest)
            sheet.hold(again, outcome.reason, outcome.until)
            sheet.change(rest, Status.HELD, again.send, rest.positions, outcome.reason, carrier=rest.carrier,
                         price=rest.price, segments=rest.segments)
        elif isinstance(outcome, Reject):
            _end(sealing, sheet, rest, outcome.reason, returned.at)


def _end(sealing: Sealing, sheet: OutputBatch, rest: Slice, reason: Reason, at: int) -> None:
    """Given back because it is over: under the next send number, for this one may have been started."""
    status, send = ENDS[reason], rest.send + 1
    sheet.change(rest, status, send, rest.positions, reason, carrier=rest.carrier, price=rest.price,
                 segments=rest.segments)
    sheet.usage(rest, round_=rest.round, price_class=rest.price_class, charged=0, refunded=rest.positions, price=rest.price, segments=rest.segments,
                lease=rest.lease)
    columns = sealing.open(rest)
    hashes = sealing.hash_destinations(columns.to)
    shared = sheet.shared(rest, status, send, reason, carrier=rest.carrier, price=rest.price, attempt=rest.attempts)
    ids = message_ids(rest.campaign, rest.chunk, rest.part, rest.indexes)
    sheet.public(shared.records(ids, hashes=hashes, times=[at] * len(ids), refs=columns.refs,
                                segments=rest.segments or None))


def _refs(block: Settled, sealing: Sealing) -> list[str | None] | None:
    if block.sealed_refs is None:
        return None
    return sealing.unseal(block.sealed_refs, key_id=block.key_id, tenant=block.tenant, campaign=block.campaign,
                          chunk=block.chunk).refs
