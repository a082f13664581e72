"""Step of intake: the carrier that a send is given first stays its carrier, whatever routes say at a repeat.

In: a part with the carrier of its route, and the carriers that were written down first for positions of its send. Out:
`Next` with these carriers; what stands nowhere keeps its own. A carrier that is known no more changes nothing. `decide` is
pure: `ask` has written the choice down beforehand.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from streams.outcome import Next, Outcomes
from streams.ports import IntakeBatch
from streams.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentFacts:
    """`first`: positions of the send by the carrier written first; `known`: the carriers that exist."""

    first: Mapping[str, int]
    known: Collection[str]


async def ask(parts: Sequence[Selection], batch: IntakeBatch) -> list[AssignmentFacts]:
    """Write down the carriers of each send, unless somebody has; parts of one send ask together."""
    sends: dict[tuple[str, str, int], dict[str, int]] = {}
    for part in parts:
        wanted = sends.setdefault(part.send, {})
        wanted[part.carrier or ""] = wanted.get(part.carrier or "", 0) | part.positions
    first = await batch.capacity.assign([(chunk, send, wanted) for (_, chunk, send), wanted in sends.items()])
    found = dict(zip(sends, first, strict=True))
    return [AssignmentFacts(first=found[part.send], known=batch.config.carriers.keys()) for part in parts]


def decide(part: Selection, facts: AssignmentFacts) -> Outcomes:
    """On to the carrier written first."""
    outcomes: list[Next] = []
    left = part.positions
    for carrier, positions in facts.first.items():
        share = left & positions
        if share:
            outcomes.append(Next(positions=share, carrier=carrier if carrier in facts.known else None))
            left &= ~share
    return (*outcomes, Next(positions=left)) if left else tuple(outcomes)
