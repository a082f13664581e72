"""The table of contents of this folder: the stages, in the order of a message's way.

In: nothing. Out: which stage reads which topics in which pool, through which steps, and what it may write. A newcomer adds a
step with one file in `steps/` and one entry here. Nothing can go wrong; `role.py` runs what stands here, and tests hold the
table and `schemas/records/topics.py` together.

    ingest ── intake ──► dispatch ── (carrier) ──► attempts ── settlement ──► events, retries, money
                                                   carrier-receipts ── receipts ──► events, public receipts
"""

from __future__ import annotations

from typing import NamedTuple

from schemas.records.topics import (
    CARRIER_RECEIPTS,
    DEAD_LETTER,
    DELIVERY_RECEIPTS,
    DISPATCH_SHARED,
    HELD,
    USAGE,
    attempts,
    dispatch,
    events,
    ingest,
    retries,
)
from schemas.values.lanes import POOLS, Lane, Pool
from streams.step import Step
from streams.steps import (
    admit_to_carrier,
    assign_carrier,
    check_stops,
    check_time,
    reserve_credit,
    route_slice,
    validate_text,
)

GATHER = 0.1
"""What tells of messages after they have left can wait a moment: a start and its answer are then one change of state, and
what a batch costs in calls is shared by many."""


class Stage(NamedTuple):
    """One row. `reads` and `writes`: topics by lane, and topics that all lanes share; `steps`: run one after the other, none
    where a stage reads what carriers said; `batch`: records at a time; `gather`: seconds that a batch waits for more."""

    name: str
    reads: tuple[str, ...]
    steps: tuple[Step, ...]
    writes: tuple[str, ...]
    pools: tuple[Pool, ...]
    batch: int
    gather: float = 0.0


def _lanes(*names: object) -> tuple[str, ...]:
    return tuple(name(lane) for name in names for lane in Lane if callable(name))


_RETRIES = tuple(topic for lane in Lane for topic in retries(lane))

STAGES: tuple[Stage, ...] = (
    Stage(
        "intake",
        _lanes(ingest),
        (check_time, validate_text, route_slice, check_stops, reserve_credit, assign_carrier, admit_to_carrier),
        (*_lanes(dispatch, events), DISPATCH_SHARED, HELD, USAGE, DELIVERY_RECEIPTS),
        (Pool.OTP, Pool.BULK),
        64,
    ),
    Stage(
        "settlement",
        _lanes(attempts),
        (),
        (*_lanes(events, ingest), *_RETRIES, HELD, USAGE, DELIVERY_RECEIPTS, DEAD_LETTER),
        (Pool.OTP, Pool.BULK),
        64,
        GATHER,
    ),
    # Trap: after an outage a record holds a few receipts only; with fewer records at a time the look-ups and answers that a
    # batch waits for would set the pace, and each batch would write a change of nearly every chunk anew.
    Stage("receipts", (CARRIER_RECEIPTS,), (), (*_lanes(events), USAGE, DELIVERY_RECEIPTS), (Pool.BULK,), 512, GATHER),
)


def stage_named(name: str) -> Stage:
    """The row with this name. Raises KeyError."""
    for stage in STAGES:
        if stage.name == name:
            return stage
    raise KeyError(name)


def topics_of(pool: Pool) -> tuple[tuple[str, Stage], ...]:
    """(topic, stage) for everything that a process of this pool reads, the most urgent lane first."""
    mine = {Lane(lane) for lane in POOLS[pool]}
    return tuple(
        (topic, stage)
        for stage in STAGES
        if pool in stage.pools
        for topic in stage.reads
        if (lane := lane_of(topic)) is None or lane in mine
    )


def lane_of(topic: str) -> Lane | None:
    """The lane of a topic; None for one that all lanes share."""
    return next((lane for lane in Lane if topic.endswith(f"-{lane}")), None)
