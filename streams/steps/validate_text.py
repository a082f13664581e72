"""Step of intake: is every destination a number, does every text render, how many segments has it?

In: a part whose segments are unknown, its opened columns, and the check of a number. Out: positions that go on with their
segments; positions rejected for their destination, a missing variable or their text. A part that has been here before
(its segments are known) goes on as it is. Pure. A body without placeholders costs one count for all.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from schemas.records.slice import Columns
from schemas.values.plain_text import plain_texts
from schemas.values.positions import places, positions_of
from schemas.values.reasons import Reason
from schemas.values.template import MissingVariable, compile_template
from schemas.values.text import TextError, count_segments, smart
from streams.outcome import Next, Outcomes, Reject
from streams.ports import IntakeBatch
from streams.selection import Selection

Verdict = int | Reason
"""The number of segments, or why there is no such message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFacts:
    """The columns of the part's slice, opened (None: not needed), and which of these numbers cannot be sent to."""

    columns: Columns | None
    invalid: Callable[[Sequence[int]], Collection[int]]


async def ask(parts: Sequence[Selection], batch: IntakeBatch) -> list[TextFacts]:
    """The columns of parts that were not here before."""
    return [TextFacts(columns=None if part.segments else batch.open(part.slice), invalid=batch.invalid) for part in parts]


def decide(part: Selection, facts: TextFacts) -> Outcomes:
    """Segments or a reason for every position."""
    if part.segments or facts.columns is None:
        return (Next(positions=part.positions),)
    numbers = array("Q", facts.columns.to)
    invalid = facts.invalid(numbers)
    template = compile_template(part.slice.body)
    if not template.names:
        alike = judge(part.slice.body, part.slice.smart)
        if isinstance(alike, int) and not invalid:
            return (Next(positions=part.positions, segments=bytes([alike]) * len(numbers)),)
        verdicts = [alike] * len(numbers)
    else:
        segments = _by_length(part, facts.columns)
        if segments is not None and not invalid:
            return (Next(positions=part.positions, segments=segments),)
        verdicts = list(_rendered(part, facts.columns) if segments is None else segments)
    return share_out(
        part.positions,
        [
            Reason.BAD_DESTINATION if number in invalid else verdict
            for number, verdict in zip(numbers, verdicts, strict=True)
        ],
    )


def share_out(positions: int, verdicts: list[Verdict]) -> Outcomes:
    """Outcomes of verdicts that run over these positions."""
    members = places(positions)
    good = [(p, v) for p, v in zip(members, verdicts, strict=True) if not isinstance(v, Reason)]
    bad: dict[Reason, list[int]] = {}
    for p, verdict in zip(members, verdicts, strict=True):
        if isinstance(verdict, Reason):
            bad.setdefault(verdict, []).append(p)
    going = [Next(positions=positions_of([p for p, _ in good]), segments=bytes([v for _, v in good]))] if good else []
    return (*going, *(Reject(positions=positions_of(refused), reason=reason) for reason, refused in bad.items()))


@lru_cache(maxsize=1024)
def judge(text: str, smart_encoding: bool) -> Verdict:
    """Segments of a text as it will be read, or why no message can carry it."""
    try:
        return count_segments(smart(text) if smart_encoding else text)[1]
    except TextError as fault:
        return Reason.TOO_LONG if fault.code == "too_long" else Reason.BAD_TEXT


def _by_length(part: Selection, columns: Columns) -> bytes | None:
    """The segments of each position's own text, where none need be rendered for that."""
    texts = plain_texts(part.slice.body)
    values = [columns.variables[name] for name in texts.names if name in columns.variables]
    counted = texts.count(values) if len(values) == len(texts.names) else None
    return None if counted is None else bytes(counted[0])


def _rendered(part: Selection, columns: Columns) -> Iterator[Verdict]:
    """The verdict on each position's own text."""
    template = compile_template(part.slice.body)
    nobody: list[str | None] = [None] * part.positions.bit_count()
    rewrite = part.slice.smart
    measure = judge.__wrapped__
    for values in zip(*(columns.variables.get(name, nobody) for name in template.names), strict=True):
        try:
            yield measure(template.fill(values), rewrite)
        except MissingVariable:
            yield Reason.MISSING_VARIABLE
