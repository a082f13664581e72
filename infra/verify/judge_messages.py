"""Judges the messages of one chunk after the other: LOST, DUP_EFFECT, PHANTOM, STUCK, REGRESS.

In: what was accepted, what the logs say, and one row of `chunks`. Out: findings and sums. All comparisons are of
bitmaps, so that a chunk costs microseconds. The exact definitions stand in `infra/verify/verify.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from infra.verify.accepted import AcceptedChunk, Key, Ledger
from infra.verify.calls import CallLog, ChunkCalls
from infra.verify.history import History
from infra.verify.report import Findings
from schemas.values.positions import everyone, positions_of
from schemas.values.status import ABOVE_SENDS, FINAL, STATUSES, Status, sequence

STUCK_SECONDS = 60
OLD_MS = 60_000
"""What a state leads to elsewhere (a public event, money) is there so much later."""
MARGIN_MS = 10_000
"""A record may stand in the log this much later than its `accepted_at` says."""
MOVING = frozenset({Status.ACCEPTED, Status.SCHEDULED, Status.HELD, Status.QUEUED, Status.SENDING})
CALLED = frozenset({Status.SENDING, Status.UNCERTAIN, Status.SENT, Status.UNDELIVERED, Status.DELIVERED, Status.READ})
"""States that only a call to a carrier leads to."""


class Row(NamedTuple):
    """One row of `chunks`, as far as it is judged."""

    tenant: str
    chunk: str
    sequences: list[int]
    seconds: list[int]


@dataclass(slots=True)
class MessageJudge:
    """`waiting`: positions in rows of `held`, by chunk. `settled`: whether all consumers had caught up.

    `ended`: by chunk, the positions that came to an end long ago, for whoever judges the money.
    """

    ledger: Ledger
    calls: CallLog
    history: History
    waiting: Mapping[Key, int]
    settled: bool
    started_at: int
    now: int
    findings: Findings
    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATUSES, 0))
    ended: dict[Key, int] = field(default_factory=dict)
    accepted: int = 0
    in_flight: int = 0

    def judge(self, chunk: AcceptedChunk, row: Row | None) -> None:
        """One accepted chunk and its state, if it has one."""
        key = (chunk.tenant, chunk.chunk)
        by_sequence = _by_sequence(row.sequences if row is not None else [0] * chunk.size)
        self.accepted += chunk.size
        for place, positions in by_sequence.items():
            self.states[STATUSES[place & 15]] += positions.bit_count()
        silent = by_sequence.get(0, 0) & ~self.waiting.get(key, 0)
        if self.settled and chunk.accepted_at < self.started_at - MARGIN_MS:
            self._note("LOST", "accepted, and in no state, waiting nowhere", chunk, silent)
        self._flight(chunk, row, by_sequence)
        self._history(chunk, by_sequence)
        calls = self.calls.chunks.get(key)
        if calls is not None:
            self._calls(chunk, calls, by_sequence)
        self._uncalled(chunk, 0 if calls is None else calls.touched, by_sequence)
        if row is not None:
            self._ends(chunk, row, by_sequence)

    def strange(self, key: Key, positions: int, where: str) -> None:
        """Something speaks of a chunk that was never accepted."""
        self.findings.report("PHANTOM", f"{where} of a chunk that was never accepted", [f"{key[1]}"] * bool(positions))

    def _flight(self, chunk: AcceptedChunk, row: Row | None, by_sequence: Mapping[int, int]) -> None:
        waiting = self.waiting.get((chunk.tenant, chunk.chunk), 0)
        moving = 0
        for place, positions in by_sequence.items():
            if STATUSES[place & 15] in MOVING:
                moving |= positions & ~waiting
        self.in_flight += moving.bit_count()
        if self.settled and moving and row is not None:
            old = sum(
                1 << p
                for p, second in enumerate(row.seconds)
                if second and moving >> p & 1 and second * 1000 < self.now - STUCK_SECONDS * 1000
            )
            self._note("STUCK", f"not final, nothing waited for, unchanged for {STUCK_SECONDS} s", chunk, old)

    def _history(self, chunk: AcceptedChunk, by_sequence: Mapping[int, int]) -> None:
        behind = 0
        for said, positions in self.history.said.get((chunk.tenant, chunk.chunk), {}).items():
            for place, members in by_sequence.items():
                if place < said:
                    behind |= positions & members
        never = behind & by_sequence.get(0, 0)
        self._note("REGRESS", "in an earlier state than one that was announced", chunk, behind & ~never)
        self._note("LOST", "a state was announced and never stored", chunk, never)

    def _uncalled(self, chunk: AcceptedChunk, touched: int, by_sequence: Mapping[int, int]) -> None:
        """Said to be at a carrier, and the log of calls does not speak of it, though it goes back far enough."""
        if chunk.accepted_at < self.calls.horizon.whole_since:
            return
        for place, positions in by_sequence.items():
            if STATUSES[place & 15] in CALLED:
                self._note(
                    "PHANTOM",
                    "in a state that only a carrier's answer leads to, and no carrier was called",
                    chunk,
                    positions & ~touched,
                )

    def _ends(self, chunk: AcceptedChunk, row: Row, by_sequence: Mapping[int, int]) -> None:
        """What is at an end, and whether subscribers heard of it."""
        if not self.settled:
            return
        before = (self.started_at - OLD_MS) // 1000
        old = positions_of([p for p, second in enumerate(row.seconds) if second < before])
        known = positions_of(
            [p for p, second in enumerate(row.seconds) if second * 1000 >= self.history.horizon.whole_since]
        )
        ended, unheard = 0, 0
        for place, positions in by_sequence.items():
            if STATUSES[place & 15] in FINAL:
                ended |= positions & old
                unheard |= self.history.public.unheard(chunk, place, positions & old & known)
        self.ended[(chunk.tenant, chunk.chunk)] = ended
        self._note("LOST", "at an end of which no public event tells", chunk, unheard)

    def _calls(self, chunk: AcceptedChunk, calls: ChunkCalls, by_sequence: Mapping[int, int]) -> None:
        self._note("DUP_EFFECT", "taken by a carrier more than once", chunk, calls.taken_twice)
        self._note("DUP_EFFECT", "handed to a carrier again after its answer", chunk, calls.started_again)
        beyond = calls.touched & ~everyone(chunk.size)
        if beyond:
            self.findings.report("PHANTOM", "calls for positions that the chunk does not have", [chunk.chunk])
        if not self.settled:
            return
        for send, positions in calls.sent.items():
            least = sequence(send, Status.SENT)
            # Partial answers end as failed, which stands above sent; delivered stands above every send.
            low = 0
            for place, members in by_sequence.items():
                if place < min(least, ABOVE_SENDS):
                    low |= members & positions
            self._note("LOST", "a carrier's answer is in the log and not in the state", chunk, low)

    def _note(self, kind: str, sentence: str, chunk: AcceptedChunk, positions: int) -> None:
        if positions:
            self.findings.report(kind, sentence, chunk.message_ids(positions))


def _by_sequence(sequences: list[int]) -> dict[int, int]:
    """Positions by sequence."""
    size = len(sequences)
    kinds = set(sequences)
    if len(kinds) == 1:
        return {kinds.pop(): everyone(size)}
    rows = {kind: bytearray(b"0" * size) for kind in kinds}
    for p, place in enumerate(sequences):
        rows[place][~p] = 49
    return {kind: int(row, 2) for kind, row in rows.items()}
