"""The stage settlement: what dispatch noted about its calls becomes states, money and further tries.

In: `attempts-<lane>` (owner, started, settled, returned). Out: `message-events-<lane>`, `usage`, `delivery-receipts` for
what failed, `retry-<rung>-<lane>`, `held`, `ingest-<lane>` for what is to find another carrier; a dead letter beside the end
of what a carrier refused with an unknown code.
Guarantee: dispatch never makes the next send, this stage alone does, once per (chunk, send): a repeat writes the same
records under the same numbers. A record of an owner that has been replaced may only turn uncertain into sent or failed; who
is the newest, the log says (`owner_epochs.py`): while it cannot be read back the batch waits. A start whose answer is in the
same batch makes no event of its own. A record that cannot be handled is cut by verdict and position; what fails alone is
a dead letter alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from infra.kafka.dead_letter import dead_letter
from infra.kafka.records import ConsumerRecord, ProducerRecord
from schemas.records.codec import DecodeError, decode, encode
from schemas.records.settled import check_settled
from schemas.records.slice import RecordError, Slice, check_names, check_positions, check_slice
from schemas.records.splits import pick_positions, split
from schemas.records.wire import Envelope, Owner, Record, Returned, Settled, Started
from schemas.rules.message_end import Recipients, end_slice
from schemas.rules.retry import slice_given_back
from schemas.values.foreign_text import CODE_LENGTH, fit
from schemas.values.reasons import Reason
from schemas.values.status import Status
from streams.cover import check_cover
from streams.handler import Item, Written
from streams.output_batch import OutputBatch
from streams.ports import Owners, Sealing
from streams.settlement.owner_epochs import OwnerEpochs
from streams.settlement.settle_block import decide_returned
from streams.settlement.settled_block import SettledBlock
from streams.settlement.verdicts import Ended, PassesOn, UnlistedCode, WaitsAgain

SERVICE = "streams"
UNKNOWN = "unknown"
"""Class of an answer that no table lists; the others are permanent, throttled and transient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementPorts:
    """Everything that settlement needs."""

    sealing: Sealing
    owners: Owners
    clock: Callable[[], int]


class SettlementHandler:
    """The stage at work. `topics`: what it may write."""

    def __init__(self, ports: SettlementPorts, topics: Collection[str]) -> None:
        self._ports = ports
        self._topics = topics
        self._epochs = OwnerEpochs(ports.owners)

    def open(self, record: ConsumerRecord) -> list[Item]:
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
        """One batch; records of a partition in their order."""
        newest = await self._epochs.newest(items)
        outputs = OutputBatch(self._ports.clock(), self._topics)
        answered = _answered(items)
        dead_letters: list[ProducerRecord] = []
        for item, epoch in zip(items, newest, strict=True):
            match item.content:
                case Started() as record:
                    _write_sending(outputs, record, answered)
                case Settled() as record:
                    unlisted = SettledBlock(self._ports.sealing, outputs, record).write(outdated=record.epoch < epoch)
                    dead_letters += [_dead_letter(item.source, record, verdict, self._ports) for verdict in unlisted]
                case Returned() as record if record.epoch == epoch:
                    _write_returned(self._ports.sealing, outputs, record)
        return outputs.written(dead_letters)


def fit_codes(settled: Settled) -> Settled:
    """The record with carriers' codes as they can be kept and published."""
    verdicts = [v if v.code is None else replace(v, code=fit(v.code, CODE_LENGTH)) for v in settled.verdicts]
    return settled if verdicts == settled.verdicts else replace(settled, verdicts=verdicts)


def _dead_letter(source: ConsumerRecord, block: Settled, unlisted: UnlistedCode, ports: SettlementPorts) -> ProducerRecord:
    """These positions for the operator: their slice in an envelope, or the record of them where it does not hold them."""
    rest, positions = block.rest, unlisted.positions
    value = (
        encode(pick_positions(block, positions, ports.sealing))
        if rest is None or positions & ~rest.positions
        else encode(Envelope(slices=[ports.sealing.narrow(rest, positions)]))
    )
    fault = RecordError(f"{block.carrier} answered {unlisted.code} to {positions.bit_count()} messages of {block.chunk}")
    return dead_letter(
        source._replace(value=value),
        fault,
        error_class=UNKNOWN,
        code=Reason.CARRIER_UNKNOWN_ERROR,
        service=SERVICE,
        now=ports.clock(),
    )


def _answered(items: Sequence[Item]) -> dict[tuple[str, int], int]:
    """Positions of (chunk, send) whose answer is among these records."""
    out: dict[tuple[str, int], int] = {}
    for item in items:
        record = item.content
        if isinstance(record, Settled):
            out[record.chunk, record.send] = out.get((record.chunk, record.send), 0) | record.positions
    return out


def _write_sending(outputs: OutputBatch, started: Started, answered: Mapping[tuple[str, int], int]) -> None:
    waiting = started.positions & ~answered.get((started.chunk, started.send), 0)
    if waiting:
        outputs.change(started, Status.SENDING, started.send, waiting, Reason.NONE, carrier=started.carrier)


def _write_returned(sealing: Sealing, outputs: OutputBatch, returned: Returned) -> None:
    rest = returned.rest
    verdict = decide_returned(rest, returned.reason, returned.at)
    check_cover(rest.positions, [verdict.positions])
    match verdict:
        case WaitsAgain(reason=reason, not_before=not_before):
            again = slice_given_back(rest)
            outputs.hold(again, reason, not_before)
            _write_held(outputs, rest, again.send, reason)
        case PassesOn(reason=reason):
            again = slice_given_back(rest)
            outputs.route_again(again)
            _write_held(outputs, rest, again.send, reason)
        case Ended(reason=reason):
            _write_over(sealing, outputs, rest, reason, returned.at)


def _write_held(outputs: OutputBatch, rest: Slice, send: int, reason: Reason) -> None:
    outputs.change(
        rest,
        Status.HELD,
        send,
        rest.positions,
        reason,
        carrier=rest.carrier,
        price=rest.price,
        segments=rest.segments,
    )


def _write_over(sealing: Sealing, outputs: OutputBatch, rest: Slice, reason: Reason, occurred_at: int) -> None:
    """Under the next send number, for this one may have been started."""
    columns = sealing.open(rest)
    recipients = Recipients(sealing.hash_destinations(columns.to), columns.refs)
    outputs.end(
        rest,
        end_slice(
            rest, recipients, reason=reason, at=outputs.now, reserved=rest.price, send=rest.send + 1, occurred_at=occurred_at
        ),
    )
