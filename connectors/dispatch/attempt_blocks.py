"""A block: some messages of one batch on their way to the carrier, from the write of their start to their last answer.

In: ranks of a batch; the carrier's results. Out: `Submit`s, and what each result means: the message is answered (and how),
further segments of it have to go, or it was not accepted at all. `ref` of a submit = block number x 512 + rank.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from connectors.carriers.contract import Accepted, NotSent, Refused, Result, Submit, Throttled, Unfit, Unknown
from connectors.dispatch.batch_outcomes import Outcome
from connectors.dispatch.lane_queue import QueuedBatch
from connectors.dispatch.send_batch import SendBatch
from schemas.values.call_outcome import CallOutcome
from schemas.values.ids import MessageId
from schemas.values.reasons import Reason
from schemas.values.template import MissingVariable

RANK_BITS = 9
RANK_MASK = (1 << RANK_BITS) - 1
SEGMENT_PATIENCE = 600.0
"""Seconds. A message between two of its segments can neither be handed back nor end, and holds the commit back."""


class AttemptBlock:
    """`ids`: of messages with several segments, those that the carrier has given so far. `texts`: of these, rendered.
    `unanswered`: how many messages have no final answer yet. `submitted_at`: of its first segments, in monotonic seconds."""

    __slots__ = ("_destinations", "_put_off", "batch", "ids", "number", "ranks", "submitted_at", "texts", "unanswered")

    def __init__(self, number: int, batch: SendBatch, ranks: list[int]) -> None:
        self.number = number
        self.batch = batch
        self.ranks = ranks
        self.unanswered = len(ranks)
        self.submitted_at = 0.0
        self.ids: dict[int, tuple[str, ...]] = {}
        self.texts: dict[int, str] = {}
        self._destinations: frozenset[int] | None = None
        self._put_off: dict[int, float] = {}  # by rank: since when the next segment is put off

    @property
    def destinations(self) -> frozenset[int]:
        """Made when it is first asked for, which is seldom."""
        if self._destinations is None:
            destinations = self.batch.messages.destinations
            self._destinations = frozenset([destinations[rank] for rank in self.ranks])
        return self._destinations

    def submits(self, now: int, *, whole: bool) -> tuple[list[Submit], dict[int, Outcome]]:
        """The first submit of each message, and outcomes of those that cannot go: without a text, or gone in part. `now` in
        milliseconds; `whole`: the carrier takes all segments of a message at once."""
        batch, messages = self.batch, self.batch.messages
        slice_, destinations, segments, common = batch.slice, messages.destinations, messages.segments, batch.common_text
        base = self.number << RANK_BITS
        sender, validity = slice_.sender, max(1, (slice_.expires_at - now) // 1000)
        out: list[Submit] = []
        bad: dict[int, Outcome] = {}
        id_of = self._message_id
        for rank in self.ranks:
            try:
                text = batch.text(rank) if common is None else common
            except MissingVariable:
                bad[rank] = Outcome(outcome=CallOutcome.FAILED, reason=Reason.MISSING_VARIABLE)
                continue
            if segments[rank] == 1:
                out.append(
                    Submit(
                        ref=base | rank,
                        id_of=id_of,
                        sender=sender,
                        destination=str(destinations[rank]),
                        text=text,
                        validity_seconds=validity,
                    )
                )
                continue
            had = batch.accepted_ids.get(rank, ())
            if whole and had:  # its settings were changed since: it cannot take the rest, and all would be twice
                bad[rank] = Outcome(outcome=CallOutcome.PARTIAL, reason=Reason.PARTIAL, ids=had)
            elif whole:
                out.append(self._submit(rank, text, validity))
            else:
                self.texts[rank], self.ids[rank] = text, had
                out.append(self._submit(rank, text, validity, len(had), 1))
        return out, bad

    def part(self, rank: int, first: int, count: int, now: int) -> Submit:
        """`count` segments of a message that has several, from `first` on."""
        validity = max(1, (self.batch.slice.expires_at - now) // 1000)
        return self._submit(rank, self.texts[rank], validity, first, count)

    def _submit(self, rank: int, text: str, validity: int, first: int = 0, count: int = 0) -> Submit:
        """Of a message that has several segments, `count` from `first` on; all by default."""
        messages = self.batch.messages
        total = messages.segments[rank]
        # The last one that we count takes all that are left with it, for the carrier may count otherwise.
        return Submit(
            ref=self.number << RANK_BITS | rank,
            id_of=self._message_id,
            sender=self.batch.slice.sender,
            destination=str(messages.destinations[rank]),
            text=text,
            validity_seconds=validity,
            parts=total,
            first_part=first,
            part_count=count if first + count < total else 0,
        )

    def _message_id(self, ref: int) -> MessageId:
        return self.batch.message_id(ref & RANK_MASK)

    def segments_left(self, rank: int, part: int) -> int:
        """How many segments this message has from `part` on."""
        return self.batch.messages.segments[rank] - part

    def progress(
        self, rank: int, result: Result, ids: tuple[str, ...], *, put_off_at: float | None = None
    ) -> Outcome | int | None:
        """What a result means for this message: its outcome, the segment that goes next (1 at least), or None when all
        segments are accepted. `ids`: those of this result, as we store them. `put_off_at` (monotonic seconds) is given when
        the destination has been refused often enough for now: the message is handed on to be retried later, or, when the
        carrier has segments of it already, fails after `SEGMENT_PATIENCE`."""
        had = self.ids[rank] = self.ids.get(rank, ()) + ids
        match result:
            case Accepted():
                return len(had) if ids and self._goes_on(rank, had) else None
            case Throttled() if put_off_at is not None:
                if had and put_off_at - self._put_off.setdefault(rank, put_off_at) <= SEGMENT_PATIENCE:
                    return len(had)
                return _put_off(result, had)
            case Throttled() | NotSent():
                return len(had) or _not_submitted(result)
            case Unknown(lost=lost):
                reason = Reason.CONNECTION_LOST if lost else Reason.ANSWER_TIMEOUT
                return Outcome(outcome=CallOutcome.UNCERTAIN, reason=reason, ids=had)
            case Refused():
                return _refused(result, had)
            case Unfit():
                return _unfit(result)

    def late(self, rank: int, result: Result, ids: tuple[str, ...]) -> Outcome:
        """What an answer means that came after the message was given up as unanswered; `partial` without a code: accepted,
        but further segments have not gone out."""
        had = self.ids.get(rank, ()) + ids
        if isinstance(result, Refused):
            return _refused(result, had)
        if isinstance(result, Throttled):
            return _put_off(result, had)
        if isinstance(result, Accepted) and not self._goes_on(rank, had):
            return Outcome(outcome=CallOutcome.SENT, reason=Reason.NONE, ids=had)
        return Outcome(outcome=CallOutcome.PARTIAL, reason=Reason.PARTIAL, ids=had)

    def _goes_on(self, rank: int, had: tuple[str, ...]) -> bool:
        """Whether segments of this message have yet to go out."""
        return rank in self.texts and len(had) < self.batch.messages.segments[rank]


class UnsentSegments(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message of several segments whose next one waits for a token."""

    block: AttemptBlock
    queued: QueuedBatch
    rank: int
    segment: int


def in_flight(blocks: Mapping[int, tuple[AttemptBlock, QueuedBatch]], destination: int | None) -> bool:
    """Whether a submit to this destination (None: any submit) is without its answer."""
    if destination is None:
        return bool(blocks)
    return any(destination in block.destinations for block, _ in blocks.values())


def _unfit(result: Unfit) -> Outcome:
    return Outcome(outcome=CallOutcome.FAILED, reason=Reason.TOO_LONG if result.reason == "too_long" else Reason.BAD_TEXT)


def _not_submitted(result: Throttled | NotSent) -> Outcome:
    if isinstance(result, Throttled):
        return Outcome(outcome=CallOutcome.NOT_SUBMITTED, reason=Reason.THROTTLED, code=result.code)
    return Outcome(outcome=CallOutcome.NOT_SUBMITTED, reason=Reason.NONE)


def _put_off(result: Throttled, had: tuple[str, ...]) -> Outcome:
    if had:
        return Outcome(outcome=CallOutcome.PARTIAL, reason=Reason.PARTIAL, code=result.code, ids=had)
    return Outcome(outcome=CallOutcome.TRANSIENT, reason=Reason.THROTTLED, code=result.code)


def _refused(result: Refused, had: tuple[str, ...]) -> Outcome:
    if had:
        return Outcome(outcome=CallOutcome.PARTIAL, reason=Reason.PARTIAL, code=result.code, ids=had)
    match result.klass:
        case "permanent":
            return Outcome(outcome=CallOutcome.FAILED, reason=Reason.CARRIER_PERMANENT, code=result.code)
        case "transient":
            return Outcome(outcome=CallOutcome.TRANSIENT, reason=Reason.CARRIER_TRANSIENT, code=result.code)
        case "unknown":
            return Outcome(outcome=CallOutcome.FAILED, reason=Reason.CARRIER_UNKNOWN_ERROR, code=result.code)
