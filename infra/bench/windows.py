"""What a carrier's log says of shares and rates: counts in windows of time, how evenly they are divided.

In: times of submits by whose they were. Out: counts by window, Jain's index of them. Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def submits_by(lines: Iterable[bytes], whose: Callable[[bytes], Key | None]) -> dict[Key, list[float]]:
    """Ascending times of the submits in these lines of a carrier's log, by whose destination it was; None: nobody's."""
    out: dict[Key, list[float]] = {}
    for line in lines:
        at, _, to, _ = line.split(b",", 3)
        key = whose(to)
        if key is not None:
            out.setdefault(key, []).append(float(at))
    return {key: sorted(times) for key, times in out.items()}


def count_between(times: Sequence[float], begin: float, end: float) -> int:
    """How many of these ascending times are in [begin, end)."""
    return bisect_left(times, end) - bisect_left(times, begin)


def windows(begin: float, end: float, seconds: float) -> Iterator[tuple[float, float]]:
    """Whole windows of this length, one after the other."""
    count = int((end - begin) / seconds + 1e-9)
    yield from ((begin + n * seconds, begin + (n + 1) * seconds) for n in range(count))


def jain(shares: Iterable[float]) -> float:
    """Jain's index: 1 when all have the same, 1/n when one has everything; 1 of nothing at all."""
    values = list(shares)
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 1.0


def most_in(times: Sequence[float], seconds: float) -> int:
    """The most of these ascending times that lie within any window of this length."""
    return max((count_between(times, at, at + seconds) for at in times), default=0)


def share_of(times: Mapping[Key, Sequence[float]], begin: float, end: float) -> dict[Key, float]:
    """Which part of all the submits between these times was whose."""
    counts = {key: count_between(of, begin, end) for key, of in times.items()}
    total = sum(counts.values()) or 1
    return {key: count / total for key, count in counts.items()}
