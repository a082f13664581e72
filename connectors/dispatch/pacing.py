"""When the next segment may go: tokens spent evenly.

In: leases as they are granted, the time (monotonic seconds). Out: how many segments may go now, when to look again, whether
to ask for more tokens. Pure. A lease is spent over the time that its tokens take at the carrier's rate, in steps of `STEP`
seconds so that blocks do not get tiny (`PATIENT_STEP` where nobody is in a hurry); what was not spent shortly after its
time is dropped, so that a pause never becomes a burst. At rate 0 nothing is granted, and after a moment it is asked again.
"""

from __future__ import annotations

from dataclasses import dataclass

STEP = 0.005
PATIENT_STEP = 0.025
"""Two records of the log of calls, two requests to Kafka and some milliseconds of CPU are a block's, however large it is."""
GRACE = 0.05
RETRY_LONGEST = 0.05


@dataclass(slots=True)
class _Lease:
    """`count` tokens, free one after the other from `begin` to `end`, in steps of `shortest` seconds at least."""

    count: int
    begin: float
    end: float
    shortest: float
    spent: int = 0

    def free(self, now: float) -> int:
        """Tokens that may be spent now."""
        if now < self.begin:
            return 0
        if now >= self.end:
            return self.count - self.spent
        span, step = self.end - self.begin, self._step
        steps = int((now - self.begin) / step) + 1
        return max(0, min(self.count, int(steps * step / span * self.count + 0.000001)) - self.spent)

    def next_free(self, now: float) -> float:
        """When more of them are free."""
        if now < self.begin:
            return self.begin
        step = self._step
        return min(self.end, self.begin + (int((now - self.begin) / step + 0.000001) + 1) * step)

    @property
    def _step(self) -> float:
        return max(self.shortest, (self.end - self.begin) / self.count)


class Pacer:
    """Holds at most two leases: the one being spent and the next one."""

    def __init__(self) -> None:
        self._leases: list[_Lease] = []
        self._ask_at = 0.0

    def available(self, now: float) -> int:
        """Segments that may go now."""
        self._drop(now)
        return sum(lease.free(now) for lease in self._leases)

    def spend(self, count: int, now: float) -> None:
        """So many segments go now; at most `available`."""
        for lease in self._leases:
            taken = min(count, lease.free(now))
            lease.spent += taken
            count -= taken

    def next_at(self, now: float) -> float | None:
        """When to look again; None without a lease."""
        self._drop(now)
        return min((lease.next_free(now) for lease in self._leases if lease.spent < lease.count), default=None)

    def wants(self, now: float) -> bool:
        """Whether to ask for another lease: at most half of the present one is left, and the pause after an empty grant is
        over."""
        self._drop(now)
        if now < self._ask_at or len(self._leases) > 1:
            return False
        return all(2 * (lease.count - lease.spent) <= lease.count for lease in self._leases)

    @property
    def ask_at(self) -> float:
        """The earliest time to ask for a lease."""
        return self._ask_at

    @property
    def lasts_until(self) -> float:
        """When the last of what was granted is dropped."""
        return self._leases[-1].end + GRACE if self._leases else 0.0

    def granted(self, count: int, rate: float, now: float, *, patient: bool = False) -> None:
        """So many tokens were granted, to be spent at `rate`; 0 = ask again a little later. `patient`: in larger steps."""
        if count <= 0:
            self._ask_at = now + (min(RETRY_LONGEST, max(STEP, 0.5 / rate)) if rate > 0 else RETRY_LONGEST)
            return
        begin = max(now, self._leases[-1].end if self._leases else now)
        self._leases.append(_Lease(count, begin, begin + count / rate, PATIENT_STEP if patient else STEP))

    def drop_leases(self) -> None:
        """The leases were paced for a carrier that behaves differently now, or at another rate: ask anew."""
        self._leases, self._ask_at = [], 0.0

    def _drop(self, now: float) -> None:
        self._leases = [
            lease for lease in self._leases if (lease.spent < lease.count and now < lease.end + GRACE) or now < lease.end
        ]
