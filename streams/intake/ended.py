"""What was to end at intake, and may stand with a carrier already: it is looked up before anything is written.

In: parts that are to end for a reason that may not have held at a first run (`Selection.ending`). Out: the parts of them
that go on, with the segments, prices and reservations that the first run found out; the others have ended in the writer.
For want of credit they are held instead, since nothing may leave unpaid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from schemas.records.slice import Slice
from schemas.rules.message_end import ENDED_STATUS
from streams.intake.writing import IntakeWriter
from streams.outcome import Reject
from streams.ports import IntakeBatch
from streams.selection import Selection, whole
from streams.step import Step, run_step
from streams.steps import keep_assigned, route_slice, validate_text


def making_steps(steps: Sequence[Step]) -> Sequence[Step]:
    """Those of intake's steps that find out of what a message is made: from its text to its way."""
    return steps[steps.index(validate_text) : steps.index(route_slice) + 1]


async def keep_or_end(
    ending: Sequence[Selection], batch: IntakeBatch, writer: IntakeWriter, making: Sequence[Step]
) -> list[Selection]:
    """The parts that go on to the carrier which has them. `making`: as `making_steps` gives them."""
    kept, over = await run_step(keep_assigned, ending, batch)
    for part, outcome in over:
        if isinstance(outcome, Reject):
            writer.end(part.cut(outcome.positions), outcome.reason)
        else:
            writer.write([(part, outcome)])
    out: list[Selection] = []
    for part in kept:
        if part.ending in ENDED_STATUS:
            out += await _found_out(part, batch, writer, making)
        else:
            out.append(_priced(replace(part, ending=None), batch))
    return out


async def _found_out(kept: Selection, batch: IntakeBatch, writer: IntakeWriter, making: Sequence[Step]) -> list[Selection]:
    """This part as the first run saw it; of what no message can be made ends after all."""
    out: list[Selection] = []
    for found in await _as_first_found(kept.slice, batch, making):
        mine = found.positions & kept.positions
        if mine:
            out.append(_priced(replace(found.cut(mine), carrier=kept.carrier, ending=kept.ending), batch))
    left = kept.positions & ~sum(part.positions for part in out)
    if left and kept.ending is not None:
        writer.end(kept.cut(left), kept.ending)
    return out


async def _as_first_found(slice_: Slice, batch: IntakeBatch, making: Sequence[Step]) -> list[Selection]:
    """All positions that a message can be made of; what no route serves has no carrier. Nothing is written."""
    parts = [whole(slice_)]
    unrouted: list[Selection] = []
    for step in making:
        parts, stopped = await run_step(step, parts, batch)
        unrouted = [part.cut(outcome.positions) for part, outcome in stopped]
    return [*parts, *unrouted]


def _priced(part: Selection, batch: IntakeBatch) -> Selection:
    return replace(part, price=part.price or batch.routes.lowest_price(part.carrier or ""))
