"""Submits on their way: what a session remembers of each until its answer.

Messages of one part, as most are, share one `Burst` a call and hold nothing of their own but their `ref`: with thousands
in flight, what is not kept needs not be looked for in memory again. The others have a `Flight` each.
"""

from dataclasses import dataclass

from connectors.carriers.contract import OnResult, Submit


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
class Burst:
    """Messages of one call; that with the sequence number `first` has the first of `refs`."""

    first: int
    refs: list[int]
    on_result: OnResult
    at: float

    def flight(self, sequence: int) -> Flight:
        """One of them, as if it stood alone."""
        return Flight(ref=self.refs[sequence - self.first], part=0, ids=(), on_result=self.on_result, at=self.at)
