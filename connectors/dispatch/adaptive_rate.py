"""How fast a carrier really is: its contract's rate, lowered when it throttles and raised again as it accepts (AIMD).

In: answers as they come, the time (monotonic seconds). Out: the share of the contract that the carrier gets, and until when
it gets nothing. Pure.

Down: when of any stretch of answers more than `TOLERATED` and one have throttled, the pace is cut to what was accepted of
it, at most to `CUT`, at most once a `ROUND`; what is answered within a round behind that was sent before, and does not
count. A carrier that throttles every twentieth submit whatever the pace is never cut: that would cost more than the
throttles. Up: by `STEP` a round. Near the pace at which it throttled last, by `SMALL_STEP`, and only once `ENOUGH` more were
answered: the pace stays close to what the carrier takes, and finds out when it takes more.

While nothing is accepted at all, everything pauses for a moment each time and the pace keeps going down; that ends with the
first message that is accepted, for then the carrier has room again. One throttle never stops the connection. Refusals that
are about one destination do not count here (`refusals.py`).
"""

from __future__ import annotations

from connectors.dispatch.answer_times import AnswerTimes


class AdaptiveRate:
    """Of one carrier, in this process. `until`: nothing is to be sent before."""

    TOLERATED = 0.05
    ROUND = 0.1
    CUT = 0.7
    MARGIN = 0.95
    STEP = 0.1
    SMALL_STEP = 0.01
    ENOUGH = 20
    COUNTED = 200
    NEAR = (0.9, 1.1)
    FIRST_PAUSE = 0.05
    LONGEST_PAUSE = 0.2
    LOWEST = 0.02
    LEAST = 5.0
    """Segments per second, or some destinations alone could keep a slow carrier from ever asking another one."""

    def __init__(self) -> None:
        self.answer_times = AnswerTimes()
        self._pace = 1.0
        self._silence_factor = 1.0  # below 1 while nothing is accepted
        self.until = 0.0
        self._ceiling = self._beyond = 0.0  # where it throttled last: what was accepted, and what is surely more
        self._taken = self._throttled = 0  # since the last cut, or since `COUNTED` of them
        self._taken_in_round = self._throttled_in_round = 0
        self._excess = 0.0  # throttled beyond what is tolerated, of the worst stretch that ends now
        self._taken_since_step = 0
        self._round_ends = 0.0
        self._counts_from = 0.0
        self._pause = self.FIRST_PAUSE
        self._taken_at = float("-inf")

    @property
    def factor(self) -> float:
        """The share of the contract's rate that the carrier gets."""
        return self._factor(patient=True)

    def pace(self, rate: float, *, patient: bool = False) -> float:
        """Segments per second for a contract of `rate`. `patient`: of marketing, which alone waits for slow answers."""
        return max(rate * self._factor(patient=patient), min(rate, self.LEAST))

    def _factor(self, *, patient: bool) -> float:
        return max(self.LOWEST, self._pace * self._silence_factor * (self.answer_times.factor if patient else 1.0))

    @property
    def accepts_nothing(self) -> bool:
        """Whether the pace is low because nothing is accepted."""
        return self._silence_factor < 1

    def nothing_accepted_lately(self, now: float) -> bool:
        """Whether nothing has been accepted for a round."""
        return now - self._taken_at > self.ROUND

    def record_answers(self, taken: int, throttled: int, wait: float | None, now: float) -> None:
        """So many messages were accepted or refused for good, so many throttled; `wait`: seconds that the carrier asked
        for."""
        self._taken_in_round += taken
        self._throttled_in_round += throttled
        if now >= self._counts_from:
            self._taken += taken
            self._throttled += throttled
            self._excess = max(0.0, self._excess + throttled - self.TOLERATED * (taken + throttled))
        if taken and self._silence_factor < 1:
            self._end_silence(now)
        if taken:
            self._taken_at = now
            self._pause = self.FIRST_PAUSE
        elif throttled and self.nothing_accepted_lately(now):
            self.until = now + self._pause
            self._pause = min(self.LONGEST_PAUSE, 2 * self._pause)
        if wait is not None:
            self.until = max(self.until, now + wait)
        if now >= self._round_ends:
            self._end_round(now)

    def _end_round(self, now: float) -> None:
        taken, throttled = self._taken_in_round, self._throttled_in_round
        self._round_ends, self._taken_in_round, self._throttled_in_round = now + self.ROUND, 0, 0
        if not taken:
            if throttled:
                self._silence_factor = max(self.LOWEST, self._silence_factor * self.CUT)
            return
        if self._excess > 1:
            self._cut(now)
        else:
            self._raise(taken)
            if self._taken + self._throttled >= self.COUNTED:
                self._taken = self._throttled = 0

    def _end_silence(self, now: float) -> None:
        """How little it took in a longer silence says nothing of what it takes now."""
        longer, self._silence_factor = self._silence_factor < self.CUT, 1.0
        if not longer:
            return
        self._pace, self._round_ends = max(self.LOWEST, self._pace * self.CUT), now + self.ROUND
        self._taken_in_round = self._throttled_in_round = self._taken_since_step = 0
        self._excess, self._taken, self._throttled, self._ceiling, self._beyond = 0.0, 0, 0, 0.0, 0.0

    def _cut(self, now: float) -> None:
        accepted = self._taken / (self._taken + self._throttled)
        self._ceiling = self._pace * accepted
        self._pace = max(self.LOWEST, self._pace * max(self.CUT, self.MARGIN * accepted))
        self._beyond = self.NEAR[1] * max(self._ceiling, self._pace)
        self._excess, self._taken, self._throttled, self._taken_since_step = 0.0, 0, 0, 0
        self._counts_from = now + self.ROUND

    def _raise(self, taken: int) -> None:
        near = self.NEAR[0] * self._ceiling
        if self._pace > self._beyond:
            self._pace = min(1.0, self._pace + self.STEP)
        elif self._pace < near:
            self._pace = min(1.0, near, self._pace + self.STEP)
        else:
            self._taken_since_step += taken
            if self._taken_since_step >= self.ENOUGH:
                self._pace, self._taken_since_step = min(1.0, self._pace + self.SMALL_STEP), 0
