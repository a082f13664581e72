"""The columns of a `Settled` record by position.

In: one record. Out: which positions are answered, uncertain or have ids; what the carrier's ids stand for, as columns, made
without touching each message where all of a record have one id each, as nearly always. A record whose columns have the wrong
length raises RecordError.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.records.ref_page import RefPage
from schemas.records.settled import check_settled
from schemas.records.wire import Settled
from schemas.values.call_outcome import CallOutcome
from schemas.values.carrier_ids import ref_key, ref_keys
from schemas.values.positions import places, ranks_within


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledColumns:
    """`answered`: positions whose fate is known; `not_submitted` ones are neither answered nor uncertain. `with_id`: those
    that the carrier took and named."""

    settled: Settled
    with_id: int
    answered: int
    uncertain: Sequence[int]

    def refs(self, known: int) -> RefPage:
        """What each of its ids stands for, but those of the positions in the set `known`. An empty id (the carrier gave
        none) makes no entry."""
        wanted = self.with_id & ~known
        if not wanted:
            return RefPage()
        settled = self.settled
        ids = settled.ids.split("\n")
        hashes, segments = array("q", settled.to_hashes), array("B", settled.segments)
        if self.with_id != settled.positions:
            ranks = ranks_within(settled.positions, self.with_id)
            hashes, segments = array("q", [hashes[rank] for rank in ranks]), array("B", [segments[rank] for rank in ranks])
        columns = RefPage(array("q"), hashes, array("H", places(self.with_id)), segments)
        if wanted == self.with_id and "," not in settled.ids and all(ids):
            columns.keys = ref_keys(ids)
            return columns
        return _one_by_one(ids, columns, wanted)

    def to_hashes(self) -> Mapping[int, int]:
        """The destination's hash of each position; empty for a slice that nobody could open."""
        return dict(zip(places(self.settled.positions), array("q", self.settled.to_hashes), strict=False))


def read_columns(settled: Settled) -> SettledColumns:
    """The columns by position."""
    sets = check_settled(settled)
    return SettledColumns(
        settled=settled,
        with_id=sets[CallOutcome.SENT] | sets[CallOutcome.PARTIAL],
        answered=sets[CallOutcome.SENT] | sets[CallOutcome.FAILED] | sets[CallOutcome.PARTIAL] | sets[CallOutcome.TRANSIENT],
        uncertain=places(sets[CallOutcome.UNCERTAIN] | sets[CallOutcome.UNANSWERED]),
    )


def _one_by_one(ids: Sequence[str], columns: RefPage, wanted: int) -> RefPage:
    """The entries of the positions in `wanted`, one a segment."""
    page = RefPage()
    for own, to_hash, position, count in zip(ids, columns.hashes, columns.positions, columns.segments, strict=True):
        for id_ in own.split(",") if wanted >> position & 1 else ():
            if id_:
                page.keys.append(ref_key(id_))
                page.hashes.append(to_hash)
                page.positions.append(position)
                page.segments.append(count)
    return page
