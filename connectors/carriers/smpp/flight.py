"""Submits on their way: what a session remembers of each until its answer, and of those overdue beyond that.

Messages of one part, as most are, share one `SubmitBatch` a call and hold nothing of their own but their `ref`: with
thousands in flight, what is not kept needs not be looked for in memory again. The others have a `Flight` each.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from connectors.carriers.contract import OnResult, Refused, Submit, Throttled, Unknown
from schemas.values import command_status as statuses

MOST_OVERDUE = 10_000
LATE_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Flight:
    """One part. `ids`: of the parts before it; `at`: when it was put; `submit`: when parts may follow."""

    ref: int
    part: int
    ids: tuple[str, ...]
    on_result: OnResult
    at: float
    submit: Submit | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmitBatch:
    """Messages of one call; that with the sequence number `first` has the first of `refs`."""

    first: int
    refs: list[int]
    on_result: OnResult
    at: float

    def flight(self, sequence: int) -> Flight:
        """One of them, as if it stood alone."""
        return Flight(ref=self.refs[sequence - self.first], part=0, ids=(), on_result=self.on_result, at=self.at)


class Overdue:
    """Submits whose answer did not come in time and may still come: the newest `MOST_OVERDUE` of the last
    `LATE_SECONDS`."""

    def __init__(self) -> None:
        self._flights: OrderedDict[int, Flight] = OrderedDict()

    def remember(self, sequence: int, flight: Flight) -> None:
        """Nobody waits for this answer any more. No part follows it, and its result speaks of this part alone."""
        self._flights[sequence] = replace(flight, ids=(), submit=None)
        if len(self._flights) > MOST_OVERDUE:
            self._flights.popitem(last=False)

    def pop(self, sequence: int) -> Flight | None:
        """Its answer has come."""
        return self._flights.pop(sequence, None)

    def drop(self, now: float) -> None:
        """Forget what is too old."""
        while self._flights and next(iter(self._flights.values())).at < now - LATE_SECONDS:
            self._flights.popitem(last=False)


def flight_of(entry: SubmitBatch | Flight, sequence: int) -> Flight:
    """The part with this sequence number."""
    return entry.flight(sequence) if isinstance(entry, SubmitBatch) else entry


def refusal(flight: Flight, status: int, own: Mapping[int, statuses.StatusClass] = statuses.NONE) -> Refused | Throttled:
    """The result of a part that was answered with this status; `own`: as `[carriers.errors]` classes it."""
    code, klass = statuses.describe(status, own)
    if klass == "throttled":
        return Throttled(ref=flight.ref, code=code, sent_parts=flight.part, ids=flight.ids)
    return Refused(ref=flight.ref, code=code, klass=klass, sent_parts=flight.part, ids=flight.ids)


def unanswered(flight: Flight, *, lost: bool) -> Unknown:
    """The result of a part without an answer."""
    return Unknown(ref=flight.ref, sent_parts=flight.part, ids=flight.ids, lost=lost)
