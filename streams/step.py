"""A step of a stage, and the one way to take it.

In: the parts that go on so far, and what they may ask. Out: the parts that go on after the step, and every other outcome with
the part that it speaks of. `CoverError` when a step forgets positions, names them twice, or names others than it was given.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, Protocol

from streams.outcome import Next, Outcome, Outcomes, check_cover
from streams.ports import Burst
from streams.selection import Selection


class Step(Protocol):
    """A module of `steps/`. `ask` is given all parts of a burst at once, so that what is away is asked in one go; `decide`
    is pure and looks at one part with its facts."""

    @property
    def ask(self) -> Any:
        """async (parts, burst) -> facts, one for each part. Raises PortDown."""
    @property
    def decide(self) -> Any:
        """(part, facts) -> outcomes, every position exactly once."""


async def take(step: Step, parts: Sequence[Selection], burst: Burst) -> tuple[list[Selection], list[tuple[Selection, Outcome]]]:
    """The parts that go on, and the outcomes of all others."""
    if not parts:
        return [], []
    asking: Awaitable[Sequence[Any]] = step.ask(parts, burst)
    going: list[Selection] = []
    others: list[tuple[Selection, Outcome]] = []
    for part, facts in zip(parts, await asking, strict=True):
        outcomes: Outcomes = step.decide(part, facts)
        check_cover(part.positions, outcomes)
        for outcome in outcomes:
            if isinstance(outcome, Next):
                going.append(part.advance(outcome))
            else:
                others.append((part, outcome))
    return going, others
