"""Answers of a carrier, gathered by load, as the record that settles them.

In: the ranks of a load with what came of them. Out: one `Settled`. `sent` needs the carrier's ids; `transient` needs `rest`,
for which the columns of exactly these positions are sealed anew, and so does the dead letter of an unknown code.
`not_submitted` (throttled, or no byte left) ends nothing: it notes that the start came to nothing, so that whoever reads the
log sends the message as if it had never been started; neither does `unanswered`: the carrier may have it, and it goes out
once more. Pure apart from the sealer; `UnsealError` cannot happen for a load
that was opened.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.dispatch.send_batch import SendBatch
from infra.security.sealing import Sealer
from schemas.records.slice import Columns, Slice
from schemas.records.wire import Settled, Verdict
from schemas.values.foreign_text import IDS_LENGTH, join_column
from schemas.values.positions import pick_indexes, ranks_within
from schemas.values.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one message that was not simply taken. `outcome`: as in `Verdict`. `ids`: of the segments that the
    carrier has."""

    outcome: str
    reason: Reason
    code: str | None = None
    ids: tuple[str, ...] = ()


@dataclass(slots=True)
class BatchOutcomes:
    """What has come for a load and is not written yet. `sent`: rank → ids, comma separated."""

    sent: dict[int, str] = field(default_factory=dict)
    other: dict[int, Outcome] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sent) + len(self.other)

    def __bool__(self) -> bool:
        return bool(self.sent or self.other)

    def ranks_to_retry(self) -> list[int]:
        """Ranks, ascending, that go out again."""
        return sorted([rank for rank, outcome in self.other.items() if outcome.outcome in ("not_submitted", "unanswered")])

    def put(self, rank: int, outcome: Outcome) -> None:
        """What came of this message; also `sent`."""
        if outcome.outcome == "sent":
            self.sent[rank] = ",".join(outcome.ids)
        else:
            self.other[rank] = outcome

    def put_late(self, rank: int, first: Outcome) -> None:
        """The first submit of a message that went out twice was taken, whatever came of the second. A message of one
        segment has both ids, for the receipt may speak of either."""
        self.other.pop(rank, None)
        had = self.sent.get(rank)
        if had is None:
            self.put(rank, first)
        elif len(first.ids) == 1:
            self.sent[rank] = f"{first.ids[0]},{had}"


def settled_record(batch: SendBatch, outcomes: BatchOutcomes, sealer: Sealer, *, epoch: int, at: int) -> Settled:
    """The record of these answers."""
    messages, slice_ = batch.messages, batch.slice
    ranks = sorted([*outcomes.sent, *outcomes.other])
    whole = len(ranks) == len(messages.positions_by_rank)
    refs = None if messages.refs is None else [messages.refs[rank] for rank in ranks]
    key_id, sealed_refs = slice_.key_id, None
    if refs is not None and any(ref is not None for ref in refs):
        key_id, sealed_refs = seal_refs(slice_, refs, sealer)
    return Settled(
        epoch=epoch,
        carrier=messages.carrier,
        tenant=slice_.tenant,
        campaign=slice_.campaign,
        chunk=slice_.chunk,
        part=slice_.part,
        size=slice_.size,
        lane=slice_.lane,
        send=slice_.send,
        round=slice_.round,
        price_class=slice_.price_class,
        attempts=slice_.attempts,
        positions=messages.positions(ranks),
        price=slice_.price,
        lease=slice_.lease,
        at=at,
        verdicts=_verdicts(batch, outcomes),
        indexes=slice_.indexes if whole else pick_indexes(slice_.indexes, ranks),
        segments=messages.segments if whole else bytes([messages.segments[rank] for rank in ranks]),
        ids=_ids(outcomes),
        to_hashes=messages.hashes if whole else b"".join([messages.hash(rank) for rank in ranks]),
        key_id=key_id,
        sealed_refs=sealed_refs,
        rest=_rest(batch, outcomes, sealer),
    )


def settled_alike(batch: SendBatch, ranks: list[int], outcome: Outcome, sealer: Sealer, *, epoch: int, at: int) -> Settled:
    """The record that says the same of all these messages."""
    return settled_record(batch, BatchOutcomes(other=dict.fromkeys(ranks, outcome)), sealer, epoch=epoch, at=at)


def settled_unopened(slice_: Slice, positions: int, *, epoch: int, at: int) -> Settled:
    """The record for positions whose columns cannot be opened: they failed, and are buried."""
    ranks = ranks_within(slice_.positions, positions)
    verdict = Verdict(outcome="failed", reason=Reason.POISON, code=None, positions=positions)
    segments = slice_.segments or bytes([1]) * slice_.count
    return Settled(
        epoch=epoch,
        carrier=slice_.carrier or "",
        tenant=slice_.tenant,
        campaign=slice_.campaign,
        chunk=slice_.chunk,
        part=slice_.part,
        size=slice_.size,
        lane=slice_.lane,
        send=slice_.send,
        round=slice_.round,
        price_class=slice_.price_class,
        attempts=slice_.attempts,
        positions=positions,
        price=slice_.price,
        lease=slice_.lease,
        at=at,
        verdicts=[verdict],
        indexes=pick_indexes(slice_.indexes, ranks),
        segments=bytes([segments[rank] for rank in ranks]),
        ids="",
        to_hashes=b"",
        key_id=slice_.key_id,
    )


def seal_refs(slice_: Slice, refs: list[str | None], sealer: Sealer) -> tuple[str, bytes]:
    """(key id, sealed) client references."""
    return sealer.seal(Columns(to=b"", refs=refs), tenant=slice_.tenant, campaign=slice_.campaign, chunk=slice_.chunk)


def _verdicts(batch: SendBatch, outcomes: BatchOutcomes) -> list[Verdict]:
    out = []
    if outcomes.sent:
        ranks = sorted(outcomes.sent)
        out.append(Verdict(outcome="sent", reason=Reason.NONE, code=None, positions=batch.messages.positions(ranks)))
    groups: dict[tuple[str, Reason, str | None], list[int]] = {}
    for rank in sorted(outcomes.other):
        outcome = outcomes.other[rank]
        groups.setdefault((outcome.outcome, outcome.reason, outcome.code), []).append(rank)
    for (outcome_, reason, code), positions_by_rank in groups.items():
        out.append(
            Verdict(outcome=outcome_, reason=str(reason), code=code, positions=batch.messages.positions(positions_by_rank))
        )
    return out


def _ids(outcomes: BatchOutcomes) -> str:
    if not any(outcome.outcome == "partial" for outcome in outcomes.other.values()):
        return join_column([outcomes.sent[rank] for rank in sorted(outcomes.sent)], IDS_LENGTH)
    ids = dict(outcomes.sent)
    ids |= {rank: ",".join(o.ids) for rank, o in outcomes.other.items() if o.outcome == "partial"}
    return join_column([ids[rank] for rank in sorted(ids)], IDS_LENGTH)


def _rest(batch: SendBatch, outcomes: BatchOutcomes, sealer: Sealer) -> Slice | None:
    again = sorted(
        rank for rank, o in outcomes.other.items() if o.outcome == "transient" or o.reason is Reason.CARRIER_UNKNOWN_ERROR
    )
    return sealer.narrow(batch.slice, batch.messages.positions(again)) if again else None
