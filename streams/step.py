"""A step of intake, and the one way to run it.

In: the parts that go on so far, and what they may ask. Out: the parts that go on after the step, and every other outcome
with the part that it speaks of. `CoverError` when a step forgets positions, names them twice, or names others than it was
given.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, Protocol

from streams.cover import check_cover
from streams.outcome import Next, Outcomes, Stopped
from streams.ports import IntakeBatch
from streams.selection import Selection


class Step(Protocol):
    """A module of `steps/`. `ask` is given all parts of a batch at once, so that what is away is asked in one go; `decide`
    is pure and looks at one part with its facts."""

    @property
    def ask(self) -> Any:
        """async (parts, batch) -> facts, one for each part. Raises PortDown."""

    @property
    def decide(self) -> Any:
        """(part, facts) -> outcomes, every position exactly once."""


async def run_step(
    step: Step, parts: Sequence[Selection], batch: IntakeBatch
) -> tuple[list[Selection], list[tuple[Selection, Stopped]]]:
    """The parts that go on, and the outcomes of all others."""
    if not parts:
        return [], []
    asking: Awaitable[Sequence[Any]] = step.ask(parts, batch)
    going: list[Selection] = []
    stopped: list[tuple[Selection, Stopped]] = []
    for part, facts in zip(parts, await asking, strict=True):
        outcomes: Outcomes = step.decide(part, facts)
        check_cover(part.positions, [outcome.positions for outcome in outcomes])
        for outcome in outcomes:
            if isinstance(outcome, Next):
                going.append(part.advance(outcome))
            else:
                stopped.append((part, outcome))
    return going, stopped
