"""GET /v1/messages/{id}/trace: the way of one message, hop by hop, with what it waited for and how long.

Enters: a message's id. Leaves: its hops from the topics, found by what PostgreSQL knows (when its chunk was accepted,
waited, was called, changed): stretches of single partitions, found by the broker's index of times, never whole topics.
What could not be told stands in `notes`: topics keep their records for days, a busy stretch is read in part, Kafka or the
sinks may be away or behind. Refused: 404 for an unknown or a foreign id, 503 while PostgreSQL is away,
or too many ask at once.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiohttp import web

from gateway.auth.authentication import account_of
from gateway.http.answer import answer
from gateway.http.context import POOL, now_ms
from gateway.http.fields import instant
from gateway.http.problem import unavailable
from gateway.http.query import read_query
from gateway.messages.queries import MESSAGES
from gateway.messages.trace_hops import Hop, hops_of, waits_for
from gateway.messages.types import Message, Trace, TraceHop
from infra.kafka.client import Cluster, KafkaException
from infra.kafka.time_windows import Found, Window, read_windows
from infra.postgres.pool import Pool, fetch_one, tenant_transaction
from infra.postgres.sql import load_sql
from schemas.records.codec import DecodeError, decode
from schemas.records.topics import DAY, DELIVERY_RECEIPTS, EVENT_PARTITIONS, HELD, TOPICS, attempts, events, logs_of
from schemas.records.wire import Record
from schemas.values.ids import parse_message_id, partition_of
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason, reason_of
from schemas.values.status import ABOVE_SENDS, FINAL, Status, status_of

BEFORE_MS, BEHIND_MS = 2_000, 5_000
"""Around a moment that PostgreSQL knows: clocks differ, and what tells of a message leaves later."""
AT_ONCE = 4
WAITING = 16
_KEPT_MS = {topic.name: topic.retention_ms or 0 for topic in TOPICS}


class Facts(NamedTuple):
    """What PostgreSQL knows, in the order of `trace_facts.sql`. `calls`: send, carrier, partition, when the last one of its
    chunk was; `waits`: send, reason, carrier, not before, since when, whether it still does."""

    chunk: str
    place: int
    lane: str
    accepted_at: int
    due_at: int
    sequence: int
    reason: int
    second: int
    carrier: str | None
    code: str | None
    calls: list[tuple[int, str, int, int]]
    waits: list[tuple[int, str, str | None, int, int, bool]]


@dataclass(slots=True, kw_only=True)
class Traces:
    """Of one gateway; a few read at once, some wait."""

    cluster: Cluster
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    asking: int = 0

    async def read(self, windows: list[Window]) -> Found:
        """Raises KafkaException; 503 when too many ask."""
        if self.asking >= AT_ONCE + WAITING:
            raise unavailable("overloaded", "too many traces are read at the moment; try again")
        self.asking += 1
        try:
            async with self.slots:
                return await asyncio.to_thread(read_windows, self.cluster, windows)
        finally:
            self.asking -= 1


TRACES: web.AppKey[Traces] = web.AppKey("traces", Traces)


async def trace_message(request: web.Request) -> web.Response:
    """The way of one message."""
    read_query(request, ())
    app, tenant, identity = request.app, account_of(request).tenant, request.match_info["id"]
    message = await app[MESSAGES].find(tenant, identity)
    facts = await _facts(app[POOL], tenant, identity)
    if facts is None:
        note = "it was accepted a moment ago and is not stored yet: ask again in a moment"
        return answer(Trace(id=identity, status=message.status, reason=None, hops=[_accepted(message)], notes=[note]))
    windows, notes = windows_of(facts, identity), []
    try:
        found = await app[TRACES].read(windows)
    except KafkaException:
        found, notes = Found([], [], []), ["Kafka does not answer: only what PostgreSQL knows is shown"]
    hops = [Hop(facts.accepted_at, "accepted", 1, "postgresql"), *hops_of(_decoded(found), facts.place)]
    hops = sorted([*hops, *_known(facts, hops)], key=lambda hop: hop.at)
    status = status_of(facts.sequence)
    return answer(
        Trace(
            id=identity,
            status=status,
            reason=_word(facts.reason),
            hops=told(hops, facts, now_ms()),
            notes=notes + _notes(found, windows, now_ms()),
        )
    )


async def _facts(pool: Pool, tenant: str, identity: str) -> Facts | None:
    parsed = parse_message_id(identity)
    which = {"chunk": parsed.chunk, "campaign": parsed.campaign, "part": parsed.part}
    async with tenant_transaction(pool, tenant) as connection:
        values = which | {"tenant": tenant, "index": struct.pack("<I", parsed.index)}
        row: Any = await fetch_one(connection, load_sql("gateway.messages", "trace_facts"), values)
    return None if row is None else Facts(*row)


def windows_of(facts: Facts, identity: str) -> list[Window]:
    """Where in the topics its records are."""
    lane, key = Lane(facts.lane), facts.chunk.encode()
    own = partition_of(key, EVENT_PARTITIONS)
    calls = [(_begin(facts, send), at, partition) for send, _, partition, at in facts.calls]
    moments = [facts.accepted_at, facts.second * 1000, *(wait[4] for wait in facts.waits)]
    stretches = [(at, at) for at in moments if at] + [(begin, at) for begin, at, _ in calls]
    out = [_around(events(lane), own, begin, end, key) for begin, end in stretches]
    out += [_around(HELD, own, wait[4], wait[4], key) for wait in facts.waits]
    out += [_around(HELD, own, begin, begin, key) for begin, _, _ in calls if facts.waits]
    out += [_around(attempts(lane), log, begin, at, key) for begin, at, own in calls for log in logs_of(lane, own)]
    public = identity.encode()
    if facts.second:
        last = facts.second * 1000
        out.append(_around(DELIVERY_RECEIPTS, partition_of(public, EVENT_PARTITIONS), last, last, public))
    return out


def _around(topic: str, partition: int, begin: int, end: int, key: bytes) -> Window:
    return Window(topic, partition, begin - BEFORE_MS, end + BEHIND_MS, frozenset({key}))


def _begin(facts: Facts, send: int) -> int:
    """Before this no call of this send was made."""
    before = [at for number, _, _, at in facts.calls if number < send]
    waited = [at for number, _, _, _, at, _ in facts.waits if number <= send]
    return max([facts.accepted_at, facts.due_at, *before, *waited])


def _decoded(found: Found) -> Iterable[tuple[str, Record]]:
    for record in found.records:
        try:
            yield record.topic, decode(record.value)
        except DecodeError:
            continue  # a dead letter elsewhere: it says nothing of this message


def _known(facts: Facts, hops: list[Hop]) -> list[Hop]:
    """What PostgreSQL knows and no record tells any more: calls, waits, the state it came to."""
    called = {hop.send for hop in hops if hop.hop in ("called", "answered")}
    held = {(hop.send, hop.reason) for hop in hops}
    out = [
        Hop(at, "called", send, "postgresql", carrier=carrier) for send, carrier, _, at in facts.calls if send not in called
    ]
    out += [
        Hop(at, "held", send, "postgresql", reason, carrier, until=until, waits_for=reason)
        for send, reason, carrier, until, at, waits in facts.waits
        if waits and (send, reason) not in held
    ]
    status = status_of(facts.sequence)
    if status in FINAL and status not in {hop.hop for hop in hops}:
        send = facts.sequence // 16 if facts.sequence < ABOVE_SENDS else max((call[0] for call in facts.calls), default=1)
        out.append(Hop(facts.second * 1000, status, send, "postgresql", _word(facts.reason), facts.carrier, facts.code))
    return out


def told(hops: list[Hop], facts: Facts, now: int) -> list[TraceHop]:
    """The hops as they are answered: each with what the message had waited for before it; one more for what it waits for
    now."""
    out: list[TraceHop] = []
    before: Hop | None = None
    until = {(send, reason): at for send, reason, _, at, _, waits in facts.waits if waits}
    for hop in hops:
        at = until.get((hop.send, hop.reason or ""))
        out.append(_told(hop, before, at if at is not None and at > hop.at else None))  # a draft's says when it came
        before = hop
    status = status_of(facts.sequence)
    if before is not None and status not in FINAL and (waiting := waits_for(before)) is not None:
        now_hop = Hop(now, "waiting", before.send, "now", before.reason if before.waits_for else None, before.carrier)
        until_now = next((at for send, _, _, at, _, waits in facts.waits if waits and send == before.send), None)
        out.append(_told(now_hop, before._replace(waits_for=waiting), until_now if (until_now or 0) > now else None))
    return out


def _told(hop: Hop, before: Hop | None, until: int | None) -> TraceHop:
    waited = None if before is None else waits_for(before)
    return TraceHop(
        at=instant(hop.at),
        hop=hop.hop,
        attempt=hop.send,
        waited_for=waited,
        waited_seconds=None if before is None or waited is None else max(0, hop.at - before.at) / 1000,
        reason=hop.reason,
        explanation=_sentence(hop.reason),
        carrier=hop.carrier,
        code=hop.code,
        carrier_message_id=hop.carrier_message_id,
        until=instant(until) if until else None,
        source=hop.source,
    )


def _notes(found: Found, windows: list[Window], now: int) -> list[str]:
    """What is not shown, and why."""
    old = {window.topic for window in windows if window.until < now - _KEPT_MS[window.topic]} | {w.topic for w in found.gone}
    out = [
        f"{topic} keeps its records for {_KEPT_MS[topic] // DAY} days: what it said before that is gone"
        for topic in sorted(old)
    ]
    busy = sorted({window.topic for window in found.partly})
    return out + [f"{topic} holds more of that time than is read for a trace: hops may be missing" for topic in busy]


def _accepted(message: Message) -> TraceHop:
    return TraceHop(at=message.created_at, hop=Status.ACCEPTED, attempt=1, source="recent")


def _word(number: int) -> str | None:
    reason = reason_of(number)
    return None if reason is Reason.NONE else str(reason)


def _sentence(reason: str | None) -> str | None:
    return Reason(reason).sentence if reason in set(Reason) else None
