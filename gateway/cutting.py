"""Chunks: recipients in groups of one calling zone, 500 at most, cut in the order of the input and by nothing else.

Enters: accepted recipients, one by one. Leaves: slices with sealed columns, numbered from 0. The same input always gives
the same chunks: a group is cut when it has 500 members or too much text for a record, what is left at the end is put
together in the order of the groups. Time, routes and prices decide nothing.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from gateway.routing import BUCKETS, GROUPING
from infra.security.sealing import Sealer
from schemas.ids import CampaignId, chunk_id
from schemas.positions import everyone
from schemas.slices import MAX_CHUNK, Columns, Slice

MAX_WEIGHT = 150_000
"""Characters of variable text in a chunk, so that it always fits into a record of a million bytes."""

Row = tuple[int, int, dict[str, str], str | None]
"""Index in the part, E.164 number, variables, client reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkPlan:
    """What all chunks of a part share. `names`: the variables that the body needs."""

    tenant: str
    campaign: CampaignId
    part: int
    lane: str
    sender: str
    body: str
    smart: bool
    version: int
    accepted_at: int
    expires_at: int
    names: tuple[str, ...]


class Cutter:
    """Collects rows by bucket; finished chunks stand in `done` until they are taken."""

    def __init__(self, plan: ChunkPlan, sealer: Sealer) -> None:
        self._plan = plan
        self._sealer = sealer
        self._weights = [0] * BUCKETS
        self.buckets: list[list[Row]] = [[] for _ in range(BUCKETS)]
        self.done: list[Slice] = []
        self.chunks = 0

    def add(self, bucket: int, row: Row, weight: int) -> None:
        """One more recipient; `weight`: characters that are its own."""
        rows = self.buckets[bucket]
        rows.append(row)
        self._weights[bucket] += weight
        if len(rows) == MAX_CHUNK or self._weights[bucket] > MAX_WEIGHT:
            self._cut(rows)
            self.buckets[bucket] = []
            self._weights[bucket] = 0

    def finish(self) -> None:
        """Cut what is left; nothing may be added afterwards."""
        left: list[Row] = []
        weight = 0
        for bucket, rows in enumerate(self.buckets):
            if left and (len(left) + len(rows) > MAX_CHUNK or weight + self._weights[bucket] > MAX_WEIGHT):
                self._cut(left)
                left, weight = [], 0
            left = left + rows
            weight += self._weights[bucket]
        if left:
            self._cut(left)
        self.buckets = []

    def take(self) -> list[Slice]:
        """The chunks finished since the last call."""
        done, self.done = self.done, []
        return done

    def _cut(self, rows: list[Row]) -> None:
        plan = self._plan
        chunk = chunk_id(plan.campaign, plan.part, self.chunks)
        indexes, numbers, variables, refs = zip(*rows, strict=True)
        columns = Columns(
            to=array("Q", numbers).tobytes(),
            variables={name: [given[name] for given in variables] for name in dict.fromkeys(plan.names)},
            refs=list(refs) if any(ref is not None for ref in refs) else None,
        )
        key_id, sealed = self._sealer.seal(columns, tenant=plan.tenant, campaign=plan.campaign, chunk=chunk)
        self.done.append(Slice(
            tenant=plan.tenant, campaign=plan.campaign, chunk=chunk, part=plan.part, size=len(rows), lane=plan.lane,
            send=1, positions=everyone(len(rows)), version=plan.version, sender=plan.sender, body=plan.body,
            smart=plan.smart, accepted_at=plan.accepted_at, due_at=plan.accepted_at, expires_at=plan.expires_at,
            grouping=GROUPING, indexes=array("I", indexes).tobytes(), key_id=key_id, sealed=sealed))
        self.chunks += 1
