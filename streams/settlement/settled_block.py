"""One settled block on its way to records: states, further tries, public events of what failed, money.

In: the block, the verdicts on it. Out: everything into the output batch, and what the operator is to look at besides.
Client references that do not open raise `UnsealError`, a block that contradicts itself `StepError`.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.records.wire import Settled
from schemas.rules.message_end import ReceiptColumns, Reservation, StateReached, usage_of
from schemas.rules.retry import NextTry, slice_to_retry
from schemas.values.ids import message_ids
from schemas.values.positions import ranked_positions, ranks_within
from schemas.values.reasons import Reason
from schemas.values.status import Status
from streams.cover import check_cover
from streams.output_batch import OutputBatch
from streams.ports import Sealing
from streams.settlement import settle_block
from streams.settlement.verdicts import (
    AnswerVerdict,
    PassedOver,
    Refused,
    Taken,
    TakenInPart,
    TryAgain,
    Uncertain,
    UnlistedCode,
)


class SettledBlock:
    """A block and what it writes."""

    def __init__(self, sealing: Sealing, outputs: OutputBatch, block: Settled) -> None:
        self._sealing = sealing
        self._outputs = outputs
        self._block = block
        self._charged = 0
        self._refunded = 0
        self._columns: ReceiptColumns | None = None

    def write(self, *, outdated: bool) -> list[UnlistedCode]:
        """Every position's verdict; back comes what is to be kept for the operator."""
        verdicts = settle_block.decide(self._block, outdated=outdated)
        check_cover(self._block.positions, [verdict.positions for verdict in verdicts])
        for verdict in verdicts:
            self._write(verdict)
        self._retry(verdicts)
        self._move_money()
        return [verdict for verdict in verdicts if isinstance(verdict, UnlistedCode)]

    def _write(self, verdict: AnswerVerdict) -> None:
        match verdict:
            case Taken(positions=positions):
                self._charged |= positions
                self._change(Status.SENT, self._block.send, positions, Reason.NONE, price=self._block.price)
            case TakenInPart(positions=positions, code=code):
                self._charged |= positions
                self._fail(positions, Reason.PARTIAL, code)
            case Refused(positions=positions, reason=reason, code=code):
                self._refunded |= positions
                self._fail(positions, reason, code)
            case UnlistedCode(positions=positions, code=text):
                self._refunded |= positions
                self._fail(positions, Reason.CARRIER_UNKNOWN_ERROR, text or None)
            case Uncertain(positions=positions, reason=reason):
                self._change(Status.UNCERTAIN, self._block.send, positions, reason, price=self._block.price)
            case TryAgain(positions=positions, reason=reason):
                self._refunded |= positions
                self._change(Status.HELD, self._block.send + 1, positions, reason)
            case PassedOver():
                pass

    def _change(self, status: Status, send: int, positions: int, reason: Reason, price: int = 0) -> None:
        self._outputs.change(self._block, status, send, positions, reason, carrier=self._block.carrier, price=price)

    def _fail(self, positions: int, reason: Reason, code: str | None) -> None:
        block = self._block
        state = StateReached(
            head=block,
            send=block.send,
            status=Status.FAILED,
            reason=reason,
            carrier=block.carrier,
            price=block.price,
            attempt=block.attempts + 1,
            at=self._outputs.now,
            accepted_at=block.accepted_at,
        )
        self._outputs.record_change(block, state.change(positions, code=code, price=block.price))
        failed = self._receipt_columns(state.occurred(block.at))
        if positions != block.positions:
            failed = failed.pick(ranks_within(block.positions, positions))
        self._outputs.publish(state.public_events(failed._replace(codes=[code] * len(failed.ids))))

    def _receipt_columns(self, occurred_at: int) -> ReceiptColumns:
        """Of all positions; the client references are opened once."""
        if self._columns is None:
            block = self._block
            ids = message_ids(block.campaign, block.chunk, block.part, block.indexes)
            self._columns = ReceiptColumns(
                ids, block.to_hashes, [occurred_at] * len(ids), self._refs(), segments=block.segments or None
            )
        return self._columns

    def _refs(self) -> list[str | None] | None:
        block = self._block
        if block.sealed_refs is None:
            return None
        return self._sealing.unseal(
            block.sealed_refs, key_id=block.key_id, tenant=block.tenant, campaign=block.campaign, chunk=block.chunk
        ).refs

    def _retry(self, verdicts: Sequence[AnswerVerdict]) -> None:
        """What goes again, a slice for each reason, moment and place to wait."""
        again: dict[tuple[Reason, NextTry], int] = {}
        for verdict in verdicts:
            if isinstance(verdict, TryAgain):
                key = verdict.reason, verdict.next_try
                again[key] = again.get(key, 0) | verdict.positions
        for (reason, next_try), positions in again.items():
            if self._block.rest is not None:
                rest = self._sealing.narrow(self._block.rest, positions)
                self._outputs.retry(slice_to_retry(rest, reason, self._block.at), reason, next_try)

    def _move_money(self) -> None:
        block = self._block
        touched = self._charged | self._refunded
        segments = block.segments
        partial = settle_block.accepted_segments(block)
        if partial or touched != block.positions:
            segments = bytes(
                [partial.get(p, block.segments[rank]) for rank, p in ranked_positions(block.positions, touched)]
            )
        self._outputs.move_money(
            usage_of(
                block,
                Reservation(block.round, block.price_class, block.price, block.lease),
                charged=self._charged,
                refunded=self._refunded,
                segments=segments,
                at=self._outputs.now,
            )
        )
