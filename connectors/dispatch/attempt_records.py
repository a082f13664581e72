"""The records of `attempts-<lane>` that a batch leaves in the log of calls: `Started` before it goes out, `Settled` after.

In: a batch, ranks, what became of them. Out: one record. `sent` carries the carrier's ids; `transient`, and what failed with
a code that nobody knows, carry `rest`: the columns of exactly these positions, sealed anew. `not_submitted` (throttled, or
not a byte was sent) ends nothing: it says that the start came to nothing, so that whoever reads the log sends the message as
if it had never been started. Neither does `unanswered`: the carrier may have the message, and it goes out once more. Pure
apart from the sealer, which cannot raise `UnsealError` for a batch that was opened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

from connectors.dispatch.batch_outcomes import BatchOutcomes, Outcome
from connectors.dispatch.send_batch import SendBatch
from infra.security.sealing import Sealer
from schemas.records.slice import Columns, Slice
from schemas.records.wire import Settled, Started, Verdict
from schemas.values.call_outcome import CallOutcome
from schemas.values.foreign_text import IDS_LENGTH, join_column
from schemas.values.positions import pick_indexes, ranks_within
from schemas.values.reasons import Reason
from schemas.values.retry_strategy import RetryStrategy

StrategyOf = Callable[[Slice], RetryStrategy | None]
"""How the messages of a slice are tried again, as it is set now; None: nobody says."""


class _Header(TypedDict):
    tenant: str
    campaign: str | None
    chunk: str
    part: int
    size: int
    lane: str
    send: int
    round: int
    price_class: int
    attempts: int


def _header(slice_: Slice) -> _Header:
    """What all records say of the send that they belong to."""
    return _Header(
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
    )


def started_record(batch: SendBatch, ranks: list[int], *, epoch: int, at: int) -> Started:
    """These messages of the batch are about to be submitted."""
    return Started(
        epoch=epoch,
        carrier=batch.messages.carrier,
        **_header(batch.slice),
        positions=batch.messages.positions(ranks),
        dispatch_offset=batch.offset,
        at=at,
    )


def settled_record(
    batch: SendBatch,
    outcomes: BatchOutcomes,
    sealer: Sealer,
    *,
    epoch: int,
    at: int,
    strategy_of: StrategyOf = lambda _: None,
) -> Settled:
    """What became of these messages of the batch. The strategy is written down with what is to be tried again: whoever
    reads the log decides by what was in force here and then, and decides alike when it reads it again."""
    messages, slice_ = batch.messages, batch.slice
    ranks = sorted([*outcomes.sent, *outcomes.other])
    whole = len(ranks) == len(messages.positions_by_rank)
    refs = None if messages.refs is None else [messages.refs[rank] for rank in ranks]
    key_id, sealed_refs = slice_.key_id, None
    if refs is not None and any(ref is not None for ref in refs):
        key_id, sealed_refs = seal_refs(slice_, refs, sealer)
    rest = _rest(batch, outcomes, sealer)
    return Settled(
        epoch=epoch,
        carrier=messages.carrier,
        **_header(slice_),
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
        rest=rest,
        accepted_at=slice_.accepted_at,
        retry=None if rest is None else strategy_of(slice_),
    )


def settled_alike(batch: SendBatch, ranks: list[int], outcome: Outcome, sealer: Sealer, *, epoch: int, at: int) -> Settled:
    """The same became of all these messages."""
    return settled_record(batch, BatchOutcomes(other=dict.fromkeys(ranks, outcome)), sealer, epoch=epoch, at=at)


def settled_unopened(slice_: Slice, positions: int, *, epoch: int, at: int) -> Settled:
    """These positions failed, for their columns cannot be opened; their dead letter is written beside this."""
    ranks = ranks_within(slice_.positions, positions)
    verdict = Verdict(outcome=CallOutcome.FAILED, reason=Reason.POISON, code=None, positions=positions)
    segments = slice_.segments or bytes([1]) * slice_.count
    return Settled(
        epoch=epoch,
        carrier=slice_.carrier or "",
        **_header(slice_),
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
        accepted_at=slice_.accepted_at,
    )


def seal_refs(slice_: Slice, refs: list[str | None], sealer: Sealer) -> tuple[str, bytes]:
    """Client references of some messages of a slice: (key id, sealed column)."""
    return sealer.seal(Columns(to=b"", refs=refs), tenant=slice_.tenant, campaign=slice_.campaign, chunk=slice_.chunk)


def _verdicts(batch: SendBatch, outcomes: BatchOutcomes) -> list[Verdict]:
    out = []
    if outcomes.sent:
        positions = batch.messages.positions(sorted(outcomes.sent))
        out.append(Verdict(outcome=CallOutcome.SENT, reason=Reason.NONE, code=None, positions=positions))
    groups: dict[tuple[CallOutcome, Reason, str | None], list[int]] = {}
    for rank in sorted(outcomes.other):
        outcome = outcomes.other[rank]
        groups.setdefault((outcome.outcome, outcome.reason, outcome.code), []).append(rank)
    for (outcome_, reason, code), ranks in groups.items():
        out.append(Verdict(outcome=outcome_, reason=str(reason), code=code, positions=batch.messages.positions(ranks)))
    return out


def _ids(outcomes: BatchOutcomes) -> str:
    if not any(outcome.outcome == CallOutcome.PARTIAL for outcome in outcomes.other.values()):
        return join_column([outcomes.sent[rank] for rank in sorted(outcomes.sent)], IDS_LENGTH)
    ids = dict(outcomes.sent)
    ids |= {rank: ",".join(o.ids) for rank, o in outcomes.other.items() if o.outcome == CallOutcome.PARTIAL}
    return join_column([ids[rank] for rank in sorted(ids)], IDS_LENGTH)


def _rest(batch: SendBatch, outcomes: BatchOutcomes, sealer: Sealer) -> Slice | None:
    again = sorted(
        rank
        for rank, o in outcomes.other.items()
        if o.outcome == CallOutcome.TRANSIENT or o.reason is Reason.CARRIER_UNKNOWN_ERROR
    )
    return sealer.narrow(batch.slice, batch.messages.positions(again)) if again else None
