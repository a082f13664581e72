"""Sets of positions to draw, a part over them, and the check that verdicts cover each position exactly once.

In: positions, verdicts of any stage. Out: nothing, or `CoverError`.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from streams.cover import check_cover as check_sets
from streams.outcome import Outcome
from streams.selection import Selection
from streams.settlement.verdicts import AnswerVerdict, ReturnVerdict
from tests.support.streams.fakes import numbers, slice_of

SETS = st.integers(min_value=1, max_value=2**60 - 1)
NUMBERS = st.integers(min_value=1, max_value=10**15 - 1)
BASE = slice_of(numbers(60))


def check_cover(positions: int, verdicts: Sequence[Outcome | AnswerVerdict | ReturnVerdict]) -> None:
    check_sets(positions, [verdict.positions for verdict in verdicts])


def part_over(positions: int, segments: bytes | None = None, **fields: object) -> Selection:
    values: dict[str, object] = {
        "slice": BASE,
        "positions": positions,
        "carrier": None,
        "price": 0,
        "lease": None,
        "price_class": 0,
        "due_at": BASE.due_at,
        "closes_at": 0,
        "segments": b"" if segments is None else segments,
        **fields,
    }
    return Selection(**values)  # type: ignore[arg-type]
