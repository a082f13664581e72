"""Step of intake: which carrier of the route takes a send; the one that it is given first stays its carrier, whatever routes
and carriers' health say at a repeat.

In: a part with the carriers of its route, how these are doing, and the carriers that were written down first for positions
of its send. Out: `Next` with these carriers; what stands nowhere keeps its own. The preferred carrier is passed over while
its breaker is open or its rate is 0, or work waits for it, and another one takes messages; while it probes, it gets a few.
A carrier that is known no more changes nothing. `decide` is pure: `ask` has written the choice down beforehand.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from schemas.rules.carrier_health import BreakerState, takes_nothing
from schemas.rules.routes import choose_carriers
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
    choice = await _look_at_carriers(parts, batch)
    for part in parts:
        wanted = sends.setdefault(part.send, {})
        for carrier, positions in choice.of(part).items():
            wanted[carrier] = wanted.get(carrier, 0) | positions
    first = await batch.capacity.assign([(chunk, send, wanted) for (_, chunk, send), wanted in sends.items()])
    found = dict(zip(sends, first, strict=True))
    return [AssignmentFacts(first=found[part.send], known=batch.config.carriers.keys()) for part in parts]


async def _look_at_carriers(parts: Sequence[Selection], batch: IntakeBatch) -> _Choice:
    """How those carriers are doing among which there is a choice; nobody is asked where there is none."""
    places = sorted({(carrier, part.slice.lane) for part in parts if len(part.carriers) > 1 for carrier in part.carriers})
    health = dict(zip(places, await batch.capacity.health(places), strict=True)) if places else {}
    waiting = await batch.capacity.are_waiting(places)
    rates = {carrier: batch.config.carriers[carrier].rate for carrier, _ in places}
    return _Choice(
        nothing={place for place, one in health.items() if takes_nothing(one, rates[place[0]])},
        probing={place for place, one in health.items() if one is not None and one.state is BreakerState.PROBING},
        full={place for place, busy in zip(places, waiting, strict=True) if busy},
    )


@dataclass(slots=True, kw_only=True)
class _Choice:
    """For one batch: (carrier, lane) at which nothing is started, those that get a few messages once, and those for which
    work waits."""

    nothing: set[tuple[str, str]]
    probing: set[tuple[str, str]]
    full: set[tuple[str, str]]

    def of(self, part: Selection) -> dict[str, int]:
        """Positions by the carrier that is to have them."""
        if len(part.carriers) < 2:
            return {part.carrier or "": part.positions}
        lane = part.slice.lane
        shares = choose_carriers(
            part.carriers,
            part.positions,
            [carrier for carrier in part.carriers if (carrier, lane) in self.nothing],
            [carrier for carrier in part.carriers if (carrier, lane) in self.probing],
            [carrier for carrier in part.carriers if (carrier, lane) in self.full],
        )
        for place in [(carrier, lane) for carrier in shares if (carrier, lane) in self.probing]:
            self.probing.discard(place)
            self.nothing.add(place)  # it has its probes
        return shares


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
