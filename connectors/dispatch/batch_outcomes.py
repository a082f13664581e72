"""What became of the messages of a batch, until it is written to the log of calls.

In: ranks with their outcomes, as results come. Out: the same by rank, and which ranks go out again. Nothing can go wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.values.call_outcome import CallOutcome
from schemas.values.reasons import Reason

NOT_FINAL = frozenset({CallOutcome.NOT_SUBMITTED, CallOutcome.UNANSWERED})
"""Outcomes behind which a message goes out again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one message. `ids`: of the segments that the carrier has accepted."""

    outcome: CallOutcome
    reason: Reason
    code: str | None = None
    ids: tuple[str, ...] = ()


@dataclass(slots=True)
class BatchOutcomes:
    """`sent`: by rank the carrier's ids, comma separated; `other`: by rank what became of every other message."""

    sent: dict[int, str] = field(default_factory=dict)
    other: dict[int, Outcome] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sent) + len(self.other)

    def __bool__(self) -> bool:
        return bool(self.sent or self.other)

    def ranks_to_retry(self) -> list[int]:
        """Ranks, ascending, that go out again."""
        return sorted([rank for rank, outcome in self.other.items() if outcome.outcome in NOT_FINAL])

    def put(self, rank: int, outcome: Outcome) -> None:
        """This became of the message."""
        if outcome.outcome == CallOutcome.SENT:
            self.sent[rank] = ",".join(outcome.ids)
        else:
            self.other[rank] = outcome

    def put_late(self, rank: int, first: Outcome) -> None:
        """The first submit of a message that went out twice was accepted, whatever came of the second. A message of one
        segment keeps both ids, for the receipt may name either."""
        self.other.pop(rank, None)
        had = self.sent.get(rank)
        if had is None:
            self.put(rank, first)
        elif len(first.ids) == 1:
            self.sent[rank] = f"{first.ids[0]},{had}"
