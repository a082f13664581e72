"""A block: some messages of one load on their way to the carrier, from the start's acknowledgement to the last answer.

In: ranks of a load; the carrier's results. Out: `Submit`s, and for each result whether the message is answered (and how),
has further segments to go, or was not taken at all. `ref` of a submit = block number x 512 + rank.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from connectors.carriers.contract import Accepted, NotSent, Refused, Result, Submit, Throttled, Unknown
from connectors.dispatch.batch_queue import QueuedBatch
from connectors.dispatch.send_batch import SendBatch
from connectors.dispatch.settling import Outcome
from schemas.values.reasons import Reason
from schemas.values.template import MissingVariable
from schemas.values.text import Encoded, TextError

RANK_BITS = 9
RANK_MASK = (1 << RANK_BITS) - 1
SEGMENT_PATIENCE = 600.0
"""Seconds. A message between two of its segments can neither leave nor be done with, nor can the log of calls behind it."""


class AttemptBlock:
    """`ids`: of messages with several segments, those that the carrier has so far. `left`: messages without an answer."""

    __slots__ = ("_destinations", "_put_off", "ids", "left", "load", "number", "ranks", "texts")

    def __init__(self, number: int, load: SendBatch, ranks: list[int]) -> None:
        self.number = number
        self.load = load
        self.ranks = ranks
        self.left = len(ranks)
        self.ids: dict[int, tuple[str, ...]] = {}
        self.texts: dict[int, Encoded] = {}
        self._destinations: frozenset[int] | None = None
        self._put_off: dict[int, float] = {}  # since when the next segment is put off

    @property
    def destinations(self) -> frozenset[int]:
        """Whom it goes to; seldom asked for."""
        if self._destinations is None:
            numbers = self.load.facts.numbers
            self._destinations = frozenset([numbers[rank] for rank in self.ranks])
        return self._destinations

    def submits(self, now: int) -> tuple[list[Submit], dict[int, Outcome]]:
        """What goes out first, and messages that have no text any carrier could take. `now` in milliseconds."""
        load = self.load
        slice_, numbers, text = load.slice, load.facts.numbers, load.text
        base = self.number << RANK_BITS
        validity = max(1, (slice_.expires_at - now) // 1000)
        out: list[Submit] = []
        bad: dict[int, Outcome] = {}
        for rank in self.ranks:
            try:
                encoded = text(rank)
            except TextError as fault:
                reason = Reason.TOO_LONG if fault.code == "too_long" else Reason.BAD_TEXT
                bad[rank] = Outcome(outcome="failed", reason=reason)
                continue
            except MissingVariable:
                bad[rank] = Outcome(outcome="failed", reason=Reason.MISSING_VARIABLE)
                continue
            if len(encoded.parts) == 1:
                out.append(Submit(ref=base | rank, source=slice_.sender, destination=str(numbers[rank]),
                                  alphabet=encoded.alphabet, parts=encoded.parts, validity_seconds=validity))
            else:
                self.texts[rank] = encoded
                self.ids[rank] = had = load.kept.get(rank, ())
                out.append(self.part(rank, len(had), 1, now))
        return out, bad

    def part(self, rank: int, first: int, count: int, now: int) -> Submit:
        """So many segments of a message that has several, from this one on."""
        slice_, encoded = self.load.slice, self.texts[rank]
        return Submit(ref=self.number << RANK_BITS | rank, source=slice_.sender,
                      destination=str(self.load.facts.numbers[rank]), alphabet=encoded.alphabet, parts=encoded.parts,
                      concat_ref=self.load.concat_reference(rank),
                      validity_seconds=max(1, (slice_.expires_at - now) // 1000), first_part=first, part_count=count)

    def progress(self, rank: int, result: Result, ids: tuple[str, ...], *,
                 put_off_at: float | None = None) -> Outcome | int | None:
        """What a result says of this message: its outcome, the segment that goes next (1 at least), or None when all
        segments are taken. `ids`: those of this result in the form to remember. `put_off_at`: when (seconds that never go
        back), if the destination was refused often enough for now: the message leaves, or, when the carrier has segments of
        it, fails after `SEGMENT_PATIENCE`."""
        had = self.ids[rank] = self.ids.get(rank, ()) + ids
        match result:
            case Accepted():
                text = self.texts.get(rank)
                return None if text is None or len(had) >= len(text.parts) else len(had)
            case Throttled() if put_off_at is not None:
                if had and put_off_at - self._put_off.setdefault(rank, put_off_at) <= SEGMENT_PATIENCE:
                    return len(had)
                return _put_off(result, had)
            case Throttled() | NotSent():
                return len(had) or _not_taken(result)
            case Unknown(lost=lost):
                reason = Reason.CONNECTION_LOST if lost else Reason.ANSWER_TIMEOUT
                return Outcome(outcome="uncertain", reason=reason, ids=had)
            case Refused():
                return _refused(result, had)

    def late(self, rank: int, result: Result, ids: tuple[str, ...]) -> Outcome:
        """What the answer means that came after the message had been called unanswered; `partial` without a code: taken,
        and segments behind it have not gone out."""
        had = self.ids.get(rank, ()) + ids
        text = self.texts.get(rank)
        if isinstance(result, Refused):
            return _refused(result, had)
        if isinstance(result, Throttled):
            return _put_off(result, had)
        if isinstance(result, Accepted) and (text is None or len(had) >= len(text.parts)):
            return Outcome(outcome="sent", reason=Reason.NONE, ids=had)
        return Outcome(outcome="partial", reason=Reason.PARTIAL, ids=had)


class Flight(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message of several segments whose next one waits for a token."""

    block: AttemptBlock
    work: QueuedBatch
    rank: int
    part: int


def in_flight(blocks: Mapping[int, tuple[AttemptBlock, QueuedBatch]], destination: int | None) -> bool:
    """Whether a submit to it, or with None any submit, may be without its answer."""
    if destination is None:
        return bool(blocks)
    return any(destination in block.destinations for block, _ in blocks.values())


def _not_taken(result: Throttled | NotSent) -> Outcome:
    if isinstance(result, Throttled):
        return Outcome(outcome="not_submitted", reason=Reason.THROTTLED, code=result.code)
    return Outcome(outcome="not_submitted", reason=Reason.NONE)


def _put_off(result: Throttled, had: tuple[str, ...]) -> Outcome:
    if had:
        return Outcome(outcome="partial", reason=Reason.PARTIAL, code=result.code, ids=had)
    return Outcome(outcome="transient", reason=Reason.THROTTLED, code=result.code)


def _refused(result: Refused, had: tuple[str, ...]) -> Outcome:
    if had:
        return Outcome(outcome="partial", reason=Reason.PARTIAL, code=result.code, ids=had)
    match result.klass:
        case "permanent":
            return Outcome(outcome="failed", reason=Reason.CARRIER_PERMANENT, code=result.code)
        case "transient":
            return Outcome(outcome="transient", reason=Reason.CARRIER_TRANSIENT, code=result.code)
        case "unknown":
            return Outcome(outcome="failed", reason=Reason.CARRIER_UNKNOWN_ERROR, code=result.code)
