"""The columns of a `Settled` record by position.

In: one record. Out: carrier ids, destination hashes and segments of the positions that have them, and which positions
are answered or uncertain. A record whose columns have the wrong length raises RecordError.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.records.settled import check_settled
from schemas.records.wire import Settled
from schemas.values.call_outcome import CallOutcome
from schemas.values.positions import places


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledColumns:
    """`ids`: one carrier id for each segment. `to_hashes`: empty for a slice that nobody could open. `answered`: positions
    whose fate is known; `not_submitted` ones are neither answered nor uncertain."""

    ids: Mapping[int, Sequence[str]]
    to_hashes: Mapping[int, int]
    segments: Mapping[int, int]
    answered: int
    uncertain: Sequence[int]


def read_columns(settled: Settled) -> SettledColumns:
    """The columns by position."""
    sets = check_settled(settled)
    with_id = places(sets[CallOutcome.SENT] | sets[CallOutcome.PARTIAL])
    everyone = places(settled.positions)
    unread = not settled.to_hashes and sets[CallOutcome.FAILED] == settled.positions
    with_hash = [] if unread else everyone
    ids = settled.ids.split("\n") if with_id else []
    return SettledColumns(
        ids={p: text.split(",") for p, text in zip(with_id, ids, strict=True)},
        to_hashes=dict(zip(with_hash, array("q", settled.to_hashes), strict=True)),
        segments=dict(zip(everyone, settled.segments, strict=True)),
        answered=sets[CallOutcome.SENT] | sets[CallOutcome.FAILED] | sets[CallOutcome.PARTIAL] | sets[CallOutcome.TRANSIENT],
        uncertain=places(sets[CallOutcome.UNCERTAIN] | sets[CallOutcome.UNANSWERED]),
    )
