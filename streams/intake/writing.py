"""What intake writes for each outcome of a step.

In: outcomes with the parts that they speak of. Out: outputs of the burst; the parts that are to end for a reason which may
not have held at a first run, to be looked up first. Nothing here waits or asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import msgspec

from schemas.records.slice import ResumeAt, Slice
from schemas.values.ids import message_ids
from schemas.values.positions import pick_indexes, ranks_within
from schemas.values.reasons import Reason
from schemas.values.status import Status
from streams.handler import Output
from streams.outcome import DROPPED, DeadLetter, Hold, Next, Outcome, Reject, Retry
from streams.output_batch import OutputBatch, ranks
from streams.ports import Burst, Sealing
from streams.selection import Selection
from streams.steps import keep_assigned

ENDS: Mapping[Reason | None, Status] = MappingProxyType({
    Reason.CANCELED: Status.CANCELED, Reason.VALIDITY_ENDED: Status.EXPIRED})


class IntakeWriter:
    """The outputs of one burst."""

    def __init__(self, sealing: Sealing, burst: Burst) -> None:
        self._sealing = sealing
        self._burst = burst
        self._sheet = OutputBatch(burst.now)

    def outputs(self) -> list[Output]:
        """Everything written."""
        return self._sheet.outputs()

    def write(self, others: Sequence[tuple[Selection, Outcome]]) -> list[Selection]:
        """Write what does not go on; what is to end and may stand with a carrier comes back instead."""
        return [ending for part, outcome in others for ending in self._write(part.cut(outcome.positions), outcome)]

    def dispatch(self, part: Selection) -> None:
        """This part has passed every step: to its carrier."""
        self._sheet.dispatch(self._sealed(part), self._burst.catalog.carriers[part.carrier or ""].partition)
        self._change(part, Status.QUEUED, Reason.NONE)

    def end(self, part: Selection, status: Status, reason: Reason) -> None:
        """These messages are over: event, public events, and their money back if some was reserved before."""
        slice_ = part.slice
        self._change(part, status, reason)
        if slice_.price > 0 and slice_.segments:
            self._sheet.usage(slice_, round_=slice_.round, price_class=part.price_class, charged=0, refunded=part.positions,
                              price=slice_.price, segments=part.segments, lease=slice_.lease)
        columns = self._burst.open(slice_)
        hashes = self._sealing.hash_destinations(columns.to)
        shared = self._sheet.shared(slice_, status, slice_.send, reason, carrier=part.carrier,
                                    price=part.price if part.price else None, attempt=slice_.attempts)
        ids = message_ids(slice_.campaign, slice_.chunk, slice_.part, slice_.indexes)
        ending = [rank for rank, _ in ranks(slice_.positions, part.positions)]
        self._sheet.public(shared.records(
            [ids[rank] for rank in ending], hashes=b"".join(hashes[8 * rank:8 * rank + 8] for rank in ending),
            times=[self._burst.now] * len(ending), refs=[columns.refs[rank] for rank in ending] if columns.refs else None,
            segments=part.segments or None))

    def _write(self, part: Selection, outcome: Outcome) -> list[Selection]:
        match outcome:
            case Hold():
                self._sheet.hold(self._unsealed(part), outcome.reason, outcome.until)
                if outcome.reason is not Reason.DRAFT:
                    self._change(part, Status.HELD, outcome.reason)
            case Reject(reason=reason) if reason in DROPPED:
                pass
            case Reject(reason=reason) if reason in keep_assigned.CHANGING:
                return [replace(part, ending=reason)]
            case Reject():
                self.end(part, Status.REJECTED, outcome.reason)
            case Next() | Retry() | DeadLetter():
                raise TypeError(f"no step of intake may leave {type(outcome).__name__} to be written")
        return []

    def _change(self, part: Selection, status: Status, reason: Reason) -> None:
        self._sheet.change(part.slice, status, part.slice.send, part.positions, reason, carrier=part.carrier,
                           price=part.price, segments=part.segments)

    def _sealed(self, part: Selection) -> Slice:
        """The slice of a part with its columns."""
        return _filled(self._sealing.narrow(part.slice, part.positions), part)

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
        slice_, segments=part.segments, carrier=part.carrier, price=part.price, lease=part.lease,
        price_class=part.price_class, resume_at=ResumeAt.ROUTE if part.segments else slice_.resume_at)
