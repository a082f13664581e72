"""The table of contents of this folder: the stages, in the order of a message's way.

In: nothing. Out: which stage reads which topics in which pool, through which steps, and what it writes. A newcomer adds a
step with one file in `steps/` and one entry here. Nothing can go wrong; tests hold the table and `schemas/records/topics.py`
together.

    ingest ── intake ──► dispatch ── (carrier) ──► attempts ── settlement ──► events, retries, money
                                                   carrier-receipts ── match ──► events, public receipts
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

from schemas.records.topics import (
    CARRIER_RECEIPTS,
    DEAD_LETTER,
    DELIVERY_RECEIPTS,
    HELD,
    USAGE,
    attempts,
    dispatch,
    events,
    ingest,
    retry,
)
from schemas.values.lanes import POOLS, Lane, Pool
from streams.step import Step
from streams.steps import (
    admit_to_carrier,
    assign_carrier,
    check_campaign,
    match_receipts,
    reserve_credit,
    retry_slice,
    route_slice,
    settle_block,
    validate_text,
)

GATHER = 0.06


class Stage(NamedTuple):
    """One row. `reads` and `writes`: topics by lane, and topics that all lanes share; `burst`: records at a time; `gather`:
    seconds that a burst waits for more; `steps`: taken one after the other; `verdicts`: the tables by which a stage without
    steps judges what carriers say. What tells of messages after they have left can wait a moment: a start and its
    answer are then one change of state, and what a burst costs in calls is shared by many."""

    name: str
    reads: tuple[str, ...]
    steps: tuple[Step, ...]
    writes: tuple[str, ...]
    pools: tuple[Pool, ...]
    burst: int
    gather: float = 0.0
    verdicts: tuple[ModuleType, ...] = ()


def _lanes(*names: object) -> tuple[str, ...]:
    return tuple(name(lane) for name in names for lane in Lane if callable(name))


STAGES: tuple[Stage, ...] = (
    Stage("intake", _lanes(ingest),
          (check_campaign, validate_text, route_slice, reserve_credit, assign_carrier, admit_to_carrier),
          (*_lanes(dispatch, events), HELD, USAGE, DELIVERY_RECEIPTS), (Pool.OTP, Pool.BULK), 64),
    Stage("settlement", _lanes(attempts),
          (),
          (*_lanes(events, retry), HELD, USAGE, DELIVERY_RECEIPTS, DEAD_LETTER), (Pool.OTP, Pool.BULK), 64, GATHER,
          (settle_block, retry_slice)),
    Stage("match", (CARRIER_RECEIPTS,),
          (),
          (*_lanes(events), USAGE, DELIVERY_RECEIPTS), (Pool.BULK,), 16, GATHER, (match_receipts,)),
)


def topics_of(pool: Pool) -> tuple[tuple[str, Stage], ...]:
    """(topic, stage) for everything that a process of this pool reads, the most urgent lane first."""
    mine = {Lane(lane) for lane in POOLS[pool]}
    return tuple((topic, stage) for stage in STAGES if pool in stage.pools for topic in stage.reads
                 if (lane := lane_of(topic)) is None or lane in mine)


def lane_of(topic: str) -> Lane | None:
    """The lane of a topic; None for one that all lanes share."""
    return next((lane for lane in Lane if topic.endswith(f"-{lane}")), None)
