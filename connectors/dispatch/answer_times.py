"""Less of a carrier's rate while its answers take so long that work must be queueing there.

In: how long single answers took (seconds), how many submits went and were answered, the time (monotonic seconds). Out: the
share of the rate that marketing is sent at, and in words why it is less than the whole. Pure. A second is slow when the
median of its answers is four times the shortest of the last one to two minutes, and half a second longer. After two such
seconds the share that the carrier answered of what it got tells what it can take: it gets less than that until its queue is
empty, then almost that, then a hundredth more each second. It is cut again only when answers to what was sent since get no
quicker. At the lowest share nothing queues because of us: answers that are still slow are how fast this carrier is.
"""

from __future__ import annotations

from statistics import median

ROUND = 1.0
SLOW_FACTOR, SLOW_SECONDS = 4.0, 0.5
EMPTY_FACTOR, EMPTY_SECONDS = 2.0, 0.1
"""So near to the shortest: then nothing queues. Trap: a queue that never empties becomes the shortest that anybody knows."""
ROUNDS = 2
DRAIN, NEAR, STEP = 0.75, 0.97, 0.01
LOWEST = 0.1
FALLING = 0.97
SHORTEST_LASTS = 60.0
MOST = 256


class AnswerTimes:
    """Of one carrier, in this process."""

    def __init__(self) -> None:
        self.factor = 1.0
        self._taken = 1.0  # the share that it seems to take
        self._seconds: list[float] = []
        self._sent = self._answered = 0  # since answers are slow
        self._round_ends = self._shortest_ends = 0.0
        self._shortest = self._shortest_before = float("inf")
        self._slow = 0
        self._draining = False
        self._median = 0.0
        self._cut_at = float("-inf")
        self._slow_median = 0.0  # when it was cut last, or was seen to fall since

    @property
    def fault(self) -> str:
        """Why it is less than the whole; '' = it is not."""
        if self.factor >= 1:
            return ""
        return f"answers take {self._median:.1f} s, and {min(self._shortest, self._shortest_before):.2f} s at best"

    def on_sent(self, count: int) -> None:
        """So many submits went."""
        self._sent += count

    def record(self, seconds: float, now: float, answered: int = 1) -> None:
        """So many answers came together, one of which took so long."""
        self._answered += answered
        if now >= self._round_ends:
            self._end_round(now)
            self._round_ends = now + ROUND
        if now - seconds < self._cut_at:
            return
        if now >= self._shortest_ends:
            self._shortest_before, self._shortest = self._shortest, seconds
            self._shortest_ends = now + SHORTEST_LASTS
        self._shortest = min(self._shortest, seconds)
        if len(self._seconds) < MOST:
            self._seconds.append(seconds)

    def _end_round(self, now: float) -> None:
        if not self._seconds:
            return
        self._median = median(self._seconds)
        shortest = min(self._shortest, self._shortest_before)
        drained = not self._draining or self._median <= max(EMPTY_FACTOR * shortest, shortest + EMPTY_SECONDS)
        if self._median <= max(SLOW_FACTOR * shortest, shortest + SLOW_SECONDS):
            self._slow, self._slow_median = 0, 0.0
            self._sent = self._answered = 0
            if drained:
                self._draining = False
                self.factor = min(1.0, max(NEAR * self._taken, self.factor + STEP))
                self._taken = max(self._taken, self.factor)
        elif self._median < FALLING * self._slow_median:
            self._slow, self._slow_median = 0, self._median
        else:
            self._slow += 1
            if self._slow >= ROUNDS:
                self._cut(now)
        self._seconds.clear()

    def _cut(self, now: float) -> None:
        if self.factor <= LOWEST:
            self._shortest = self._shortest_before = min(self._seconds)
        share = self._answered / self._sent if self._sent > self._answered else 1.0
        self._taken = max(LOWEST, self.factor * share)
        self.factor = max(LOWEST, self._taken * DRAIN)
        self._slow, self._slow_median, self._cut_at, self._draining = 0, self._median, now, True
        self._sent = self._answered = 0
