"""Chunks: recipients in groups of one calling zone, 500 at most, cut in the order of the input and by nothing else.

Enters: accepted recipients as columns, a block at a time. Leaves: slices with sealed columns, numbered from 0. The same
input always gives the same chunks, whatever its blocks: a group is cut when it has 500 members or too much text for a
record, chunks are numbered in the order of their last recipients, and what is left at the end is put together in the order
of the groups. Time, routes and prices decide nothing.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from gateway.carrier_routes import GROUPING
from infra.security.sealing import Sealer
from schemas.records.slice import MAX_CHUNK, Columns, Slice
from schemas.values.ids import CampaignId, chunk_id
from schemas.values.positions import everyone

MAX_WEIGHT = 150_000
"""Characters of variable text in a chunk, so that it always fits into a record of a million bytes."""


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
    profile: str | None
    names: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Rows:
    """Accepted recipients as columns: index in the part, E.164 number, client reference, characters that are its own, and
    for each variable that the body needs, in the order in which it names them first, the values."""

    indexes: list[int]
    numbers: list[int]
    refs: list[str | None]
    weights: list[int]
    values: list[list[str]]

    def part(self, begin: int, end: int) -> Rows:
        """Some that follow each other."""
        return Rows(
            indexes=self.indexes[begin:end],
            numbers=self.numbers[begin:end],
            refs=self.refs[begin:end],
            weights=self.weights[begin:end],
            values=[column[begin:end] for column in self.values],
        )

    def pick(self, ranks: list[int]) -> Rows:
        """Those at these ranks."""
        return Rows(
            indexes=[self.indexes[i] for i in ranks],
            numbers=[self.numbers[i] for i in ranks],
            refs=[self.refs[i] for i in ranks],
            weights=[self.weights[i] for i in ranks],
            values=[[column[i] for i in ranks] for column in self.values],
        )

    def extend(self, others: Rows) -> None:
        """Put others behind them."""
        self.indexes += others.indexes
        self.numbers += others.numbers
        self.refs += others.refs
        self.weights += others.weights
        for column, more in zip(self.values, others.values, strict=True):
            column += more


class Chunker:
    """Collects rows by bucket; finished chunks stand in `done` until they are popped."""

    def __init__(self, plan: ChunkPlan, sealer: Sealer) -> None:
        self._plan = plan
        self._sealer = sealer
        self._names = tuple(dict.fromkeys(plan.names))
        self._groups: dict[int, _Group] = {}
        self.done: list[Slice] = []
        self.chunks = 0

    def append(self, buckets: Sequence[int], rows: Rows) -> None:
        """Append recipients, with the bucket of each."""
        full: list[Rows] = []
        for bucket, own in _by_bucket(buckets, rows):
            if bucket not in self._groups:
                self._groups[bucket] = _Group(len(self._names))
            full += self._groups[bucket].append(own)
        for group in sorted(full, key=lambda group: group.indexes[-1]):
            self._cut(group)

    def finish(self) -> None:
        """Cut what is left; nothing may be added afterwards."""
        left = _Group(len(self._names))
        for _, group in sorted(self._groups.items()):
            if left.size and (left.size + group.size > MAX_CHUNK or left.weight + group.weight > MAX_WEIGHT):
                self._cut(left.pop_all())
            left.join(group)
        if left.size:
            self._cut(left.pop_all())
        self._groups = {}

    def pop_finished(self) -> list[Slice]:
        """The chunks finished since the last call."""
        done, self.done = self.done, []
        return done

    def _cut(self, rows: Rows) -> None:
        plan = self._plan
        chunk = chunk_id(plan.campaign, plan.part, self.chunks)
        columns = Columns(
            to=array("Q", rows.numbers).tobytes(),
            variables=dict(zip(self._names, rows.values, strict=True)),  # type: ignore[arg-type]
            refs=rows.refs if any(ref is not None for ref in rows.refs) else None,
        )
        size = len(rows.numbers)
        key_id, sealed = self._sealer.seal(columns, tenant=plan.tenant, campaign=plan.campaign, chunk=chunk)
        self.done.append(
            Slice(
                tenant=plan.tenant,
                campaign=plan.campaign,
                chunk=chunk,
                part=plan.part,
                size=size,
                lane=plan.lane,
                send=1,
                positions=everyone(size),
                version=plan.version,
                sender=plan.sender,
                body=plan.body,
                smart=plan.smart,
                accepted_at=plan.accepted_at,
                due_at=plan.accepted_at,
                expires_at=plan.expires_at,
                grouping=GROUPING,
                indexes=array("I", rows.indexes).tobytes(),
                key_id=key_id,
                sealed=sealed,
                profile=plan.profile,
            )
        )
        self.chunks += 1


class _Group:
    """The rows of a bucket that are in no chunk yet."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._rows = self._none()
        self.weight = 0

    @property
    def size(self) -> int:
        return len(self._rows.numbers)

    def append(self, rows: Rows) -> Iterator[Rows]:
        """Append rows; what they fill comes out."""
        begin, count = 0, len(rows.numbers)
        while begin < count:
            end = min(count, begin + MAX_CHUNK - self.size)
            weight = self.weight + sum(rows.weights[begin:end])
            if weight > MAX_WEIGHT:
                # The one that makes it too much is the last.
                sums = list(accumulate(rows.weights[begin:end], initial=self.weight))
                over = bisect_right(sums, MAX_WEIGHT)
                end, weight = begin + over, sums[over]
            self._rows.extend(rows if end - begin == count else rows.part(begin, end))
            self.weight = weight
            if self.size == MAX_CHUNK or weight > MAX_WEIGHT:
                yield self.pop_all()
            begin = end

    def join(self, other: _Group) -> None:
        """The rows of another group behind the own."""
        self._rows.extend(other._rows)
        self.weight += other.weight

    def pop_all(self) -> Rows:
        """All its rows; it is empty then."""
        rows, self._rows, self.weight = self._rows, self._none(), 0
        return rows

    def _none(self) -> Rows:
        return Rows(indexes=[], numbers=[], refs=[], weights=[], values=[[] for _ in range(self._columns)])


def _by_bucket(buckets: Sequence[int], rows: Rows) -> Iterator[tuple[int, Rows]]:
    """The rows of each bucket, in their order."""
    if len(set(buckets)) == 1:
        yield buckets[0], rows
        return
    ranks: defaultdict[int, list[int]] = defaultdict(list)
    for rank, bucket in enumerate(buckets):
        ranks[bucket].append(rank)
    for bucket, own in ranks.items():
        yield bucket, rows.pick(own)
