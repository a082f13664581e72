"""What intake writes for each outcome of a step.

In: outcomes with the parts that they speak of. Out: outputs of the batch; the parts that are to end for a reason which may
not have held at a first run, to be looked up first. Nothing here waits or asks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import msgspec

from schemas.records.slice import ResumeAt, Slice
from schemas.rules.may_go import expires_at
from schemas.rules.message_end import Recipients, end_slice
from schemas.values.positions import pick_indexes, ranks_within
from schemas.values.reasons import Reason
from schemas.values.status import Status
from streams.handler import Written
from streams.outcome import DROPPED, Hold, Reject, Stopped
from streams.output_batch import OutputBatch
from streams.ports import IntakeBatch, Sealing
from streams.selection import Selection
from streams.steps import keep_assigned


class IntakeWriter:
    """The outputs of one batch, on these topics."""

    def __init__(self, sealing: Sealing, batch: IntakeBatch, topics: Collection[str]) -> None:
        self._sealing = sealing
        self._batch = batch
        self._outputs = OutputBatch(batch.now, topics)

    def written(self) -> Written:
        """Everything written."""
        return self._outputs.written()

    def write(self, stopped: Sequence[tuple[Selection, Stopped]]) -> list[Selection]:
        """Write what does not go on; what is to end and may stand with a carrier comes back instead."""
        return [ending for part, outcome in stopped for ending in self._write(part.cut(outcome.positions), outcome)]

    def dispatch(self, part: Selection) -> None:
        """This part has passed every step: to its carrier."""
        carrier = self._batch.config.carriers[part.carrier or ""]
        self._outputs.dispatch(self._sealed(part), carrier.partition, one_process=carrier.one_process)
        self._change(part, Status.QUEUED, Reason.NONE)

    def end(self, part: Selection, reason: Reason) -> None:
        """These messages are over: event, public events, and their money back if some was reserved before."""
        slice_ = part.slice
        reserved = slice_.price if slice_.segments else 0
        self._outputs.end(
            slice_,
            end_slice(_without_columns(part), self._recipients(part), reason=reason, at=self._batch.now, reserved=reserved),
        )

    def _recipients(self, part: Selection) -> Recipients:
        columns = self._batch.open(part.slice)
        hashes = self._sealing.hash_destinations(columns.to)
        if part.positions == part.slice.positions:
            return Recipients(hashes, columns.refs)
        ranks = ranks_within(part.slice.positions, part.positions)
        return Recipients(
            b"".join([hashes[8 * rank : 8 * rank + 8] for rank in ranks]),
            columns.refs and [columns.refs[rank] for rank in ranks],
        )

    def _write(self, part: Selection, outcome: Stopped) -> list[Selection]:
        match outcome:
            case Hold(reason=reason, until=until):
                self._outputs.hold(self._for_waiting_room(part), reason, until)
                if reason is not Reason.DRAFT:
                    self._change(part, Status.SCHEDULED if reason is Reason.SCHEDULED else Status.HELD, reason)
            case Reject(reason=reason) if reason in DROPPED:
                pass
            case Reject(reason=reason) if reason in keep_assigned.CHANGING:
                return [replace(part, ending=reason)]
            case Reject(reason=reason):
                self.end(part, reason)
        return []

    def _change(self, part: Selection, status: Status, reason: Reason) -> None:
        self._outputs.change(
            part.slice,
            status,
            part.slice.send,
            part.positions,
            reason,
            carrier=part.carrier,
            price=part.price,
            segments=part.segments,
        )

    def _sealed(self, part: Selection) -> Slice:
        """The slice of a part with its columns."""
        return _filled(self._sealing.narrow(part.slice, part.positions), part)

    def _for_waiting_room(self, part: Selection) -> Slice:
        """The slice of a part for the waiting room: the first send is completed from the stored payload."""
        return self._sealed(part) if part.slice.send > 1 else _without_columns(part)


def _without_columns(part: Selection) -> Slice:
    slice_ = part.slice
    indexes = (
        slice_.indexes
        if part.positions == slice_.positions
        else pick_indexes(slice_.indexes, ranks_within(slice_.positions, part.positions))
    )
    return msgspec.structs.replace(_filled(slice_, part), positions=part.positions, indexes=indexes, sealed=b"")


def _filled(slice_: Slice, part: Selection) -> Slice:
    return msgspec.structs.replace(
        slice_,
        segments=part.segments,
        carrier=part.carrier,
        price=part.price,
        lease=part.lease,
        price_class=part.price_class,
        due_at=part.due_at,
        expires_at=expires_at(slice_, part.due_at),
        closes_at=part.closes_at,
        resume_at=ResumeAt.ROUTE if part.segments else slice_.resume_at,
    )
