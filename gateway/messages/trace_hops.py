"""What records about a chunk say of one of its messages, hop by hop.

In: records of the topics with the place of the message in its chunk. Out: `Hop`s in the order of time, each once, and what
the message waits for behind it. A call and its answer come from the log of calls, so the changes of state that only repeat
them are left out. Pure; a record that speaks of others leaves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.records.topics import DELIVERY_RECEIPTS
from schemas.records.wire import (
    DeliveryReceipt,
    Held,
    MessageEvents,
    Record,
    Released,
    Returned,
    Settled,
    Started,
    Verdict,
)
from schemas.values.call_outcome import CallOutcome
from schemas.values.positions import ranks_within
from schemas.values.reasons import Reason
from schemas.values.status import ABOVE_SENDS, FINAL, Status


class Hop(NamedTuple):
    """One step of the way. `at`, `until`: milliseconds. `hop`: a state, or `called`, `answered`, `given_back`,
    `released`. `send`: the send number. `source`: a topic, or `postgresql`."""

    at: int
    hop: str
    send: int
    source: str
    reason: str | None = None
    carrier: str | None = None
    code: str | None = None
    carrier_message_id: str | None = None
    until: int | None = None
    waits_for: str | None = None


_WAITS_FOR = {
    "accepted": "intake",
    "released": "intake",
    "queued": "carrier",
    "called": "answer",
    "sending": "answer",
    "sent": "receipt",
    "uncertain": "receipt",
    "given_back": "intake",
}
_TRY_AGAIN = frozenset({CallOutcome.TRANSIENT, CallOutcome.NOT_SUBMITTED, CallOutcome.UNANSWERED})
_FROM_CALLS = frozenset({Status.SENDING, Status.SENT, Status.UNCERTAIN})
"""States that the log of calls tells better."""


def hops_of(records: Iterable[tuple[str, Record]], place: int) -> list[Hop]:
    """Those of the message at this place; `records` with their topics."""
    found = [hop for topic, record in records for hop in _hops(topic, record, place)]
    called = {hop.send for hop in found if hop.hop in ("called", "answered")}
    receipts = {hop.hop: hop for hop in found if hop.source == DELIVERY_RECEIPTS}
    events = {hop.hop for hop in found if hop.source.startswith("message-events")}
    out: list[Hop] = []
    for hop in sorted(found, key=lambda one: one.at):
        event = hop.source.startswith("message-events")
        if event and hop.hop in _FROM_CALLS and hop.send in called:
            continue
        if hop.source == DELIVERY_RECEIPTS and hop.hop in events:
            continue  # the change of state stands here already; what the receipt says besides is added to it
        if event and (said := receipts.get(hop.hop)) is not None:
            hop = hop._replace(code=hop.code or said.code, carrier_message_id=said.carrier_message_id)
        if hop.hop == "released" and out and out[-1].hop in FINAL:
            continue  # it left the waiting room by its end
        if not out or (hop.hop, hop.send, hop.reason) != (out[-1].hop, out[-1].send, out[-1].reason):  # else a repeat
            out.append(hop)
    return out


def waits_for(hop: Hop) -> str | None:
    """What the message waits for behind this hop; None: for nothing."""
    return hop.waits_for or _WAITS_FOR.get(hop.hop)


def _hops(topic: str, record: Record, place: int) -> list[Hop]:
    match record:
        case MessageEvents():
            return [
                Hop(
                    record.at,
                    change.status,
                    change.send,
                    topic,
                    _said(change.reason),
                    change.carrier,
                    change.code,
                    waits_for=change.reason if change.status in (Status.HELD, Status.SCHEDULED) else None,
                )
                for change in record.changes
                if change.positions >> place & 1
            ]
        case Started() if record.positions >> place & 1:
            return [Hop(record.at, "called", record.send, topic, carrier=record.carrier)]
        case Settled() if record.positions >> place & 1:
            return [_answered(topic, record, v, place) for v in record.verdicts if v.positions >> place & 1]
        case Returned() if record.rest.positions >> place & 1:
            return [Hop(record.at, "given_back", record.rest.send, topic, record.reason, record.carrier)]
        case Held() if record.reason == Reason.DRAFT and record.slice.positions >> place & 1:
            return [Hop(record.at, "held", record.slice.send, topic, record.reason, waits_for=record.reason)]
        case Released() if record.positions >> place & 1:
            return [Hop(record.at, "released", record.send, topic)]
        case DeliveryReceipt():
            return [_receipt(topic, record)]
    return []


def _answered(topic: str, record: Settled, verdict: Verdict, place: int) -> Hop:
    again = verdict.outcome in _TRY_AGAIN
    return Hop(
        record.at,
        "answered",
        record.send,
        topic,
        verdict.outcome if verdict.reason == Reason.NONE else verdict.reason,
        record.carrier,
        verdict.code,
        _carrier_id(record, place),
        waits_for="another_try" if again else "receipt" if verdict.outcome == CallOutcome.SENT else None,
    )


def _carrier_id(record: Settled, place: int) -> str | None:
    """The carrier's ids of the message, as far as it gave any."""
    with_id = [CallOutcome.SENT, CallOutcome.PARTIAL]
    positions = sum(verdict.positions for verdict in record.verdicts if verdict.outcome in with_id)
    if not positions >> place & 1:
        return None
    [rank] = ranks_within(positions, 1 << place)
    ids: Sequence[str] = record.ids.split("\n")
    return ids[rank] if rank < len(ids) else None


def _receipt(topic: str, record: DeliveryReceipt) -> Hop:
    return Hop(
        record.occurred_at,
        record.status,
        record.sequence // 16 if record.sequence < ABOVE_SENDS else 0,
        topic,
        record.reason,
        record.carrier,
        record.carrier_code,
        record.carrier_message_id,
    )


def _said(reason: str) -> str | None:
    return None if reason == Reason.NONE else reason
