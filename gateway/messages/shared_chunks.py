"""Single messages that arrive together share a chunk, as those of a campaign do, so that each costs a part of one.

Enters: checked messages (`Member`), in groups. Leaves: one chunk a group at a time, through `Ingest`; each member hears its
message id once Kafka has the chunk, or a Problem. What comes while a group's chunk is on its way makes the next one, so
nothing waits where there is no load; behind a chunk of several it waits `LINGER_SECONDS` for company. A message alone is a
chunk under its own id. Those with idempotency keys have their places in the chunk claimed first (`KeyedChunks`).
Refused: 503 when too many wait already, or when Kafka has not acknowledged within `ANSWER_SECONDS`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from gateway.http.problem import Problem, unavailable
from gateway.ingest import ANSWER_SECONDS, MAX_WAITING, MAX_WAITING_BYTES, Ingest, kafka_away
from gateway.messages.keyed_chunks import KeyedChunks
from gateway.messages.member import Member
from gateway.messages.recent import RecentMessages
from gateway.messages.singles import Group, make_slice
from infra.security.sealing import Sealer
from infra.telemetry.metrics import Metrics
from schemas.records.slice import Slice
from schemas.values.ids import ChunkId, message_id_at, shared_chunk_id, single_message_id

MAX_SHARED = 128
MAX_SHARED_CHARACTERS = 100_000
"""Of their texts: with four octets each they are far below what Kafka takes as one record."""
LINGER_FROM = 8
"""Members of a chunk from which on the next one waits for company: there is load."""
LINGER_SECONDS = 0.003
OVERDUE_SECONDS = 0.5
"""How often members that have waited too long are looked for."""
log = structlog.get_logger()


@dataclass(slots=True)
class _Queue:
    members: deque[Member] = field(default_factory=deque)
    busy: bool = False


class SharedChunks:
    """Queues by group. `now`: milliseconds since 1970; `new_root`: 26 characters that nobody had before."""

    def __init__(
        self,
        ingest: Ingest,
        recent: RecentMessages,
        keyed: KeyedChunks,
        sealer: Sealer,
        metrics: Metrics,
        *,
        now: Callable[[], int],
        new_root: Callable[[], str],
    ) -> None:
        self._ingest = ingest
        self._recent = recent
        self._keyed = keyed
        self._sealer = sealer
        self._metrics = metrics
        self._now = now
        self._new_root = new_root
        self._loop = asyncio.get_running_loop()
        self._queues: dict[Group, _Queue] = {}
        self._ready: list[Group] = []
        self._waiting: deque[Member] = deque()
        self._bytes = 0
        self._overdue: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()

    def put(self, group: Group, member: Member) -> None:
        """Send it as soon as its group's turn comes. Raises Problem when too many wait."""
        self._make_room(len(member.checked.text))
        member.at = self._loop.time()
        self._waiting.append(member)
        if self._overdue is None:
            self._overdue = self._loop.call_later(OVERDUE_SECONDS, self._answer_overdue)
        queue = self._queues.get(group)
        if queue is None:
            queue = self._queues[group] = _Queue()
        queue.members.append(member)
        if not queue.busy:
            queue.busy = True
            if not self._ready:
                self._loop.call_soon(self._flush)
            self._ready.append(group)

    def _make_room(self, size: int) -> None:
        if len(self._waiting) >= MAX_WAITING or self._bytes + size > MAX_WAITING_BYTES:
            self._forget_answered()
            if len(self._waiting) >= MAX_WAITING or self._bytes + size > MAX_WAITING_BYTES:
                raise unavailable("overloaded", "too many messages wait for Kafka; try again")
        self._bytes += size

    def _forget_answered(self, before: float = 0.0) -> None:
        """The oldest ones, up to the first that waits; those put before this time are told that it is up."""
        while self._waiting and (self._waiting[0].answered or self._waiting[0].at <= before):
            member = self._waiting.popleft()
            self._bytes -= len(member.checked.text)
            member.answer_once(kafka_away(None))

    def _answer_overdue(self) -> None:
        self._forget_answered(self._loop.time() - ANSWER_SECONDS)
        # Behind one that waits for long there may be many that do not: they must not count as waiting.
        self._waiting = deque(member for member in self._waiting if not member.answered)
        self._bytes = sum(len(member.checked.text) for member in self._waiting)
        self._overdue = self._loop.call_later(OVERDUE_SECONDS, self._answer_overdue) if self._waiting else None

    def _flush(self) -> None:
        ready, self._ready = self._ready, []
        for group in ready:
            self._send_next(group)

    def _send_next(self, group: Group) -> None:
        batch = _next_batch(self._queues[group].members)
        if not batch:
            del self._queues[group]
            return
        task = self._loop.create_task(self._send(group, batch))
        self._sending.add(task)
        task.add_done_callback(lambda task: self._sent(task, group, len(batch)))

    def _sent(self, task: asyncio.Task[None], group: Group, count: int) -> None:
        self._sending.discard(task)
        if count >= LINGER_FROM:
            self._loop.call_later(LINGER_SECONDS, self._send_next, group)
        else:
            self._send_next(group)

    async def _send(self, group: Group, batch: list[Member]) -> None:
        try:
            if group.keyed:
                await self._keyed.send(group, batch, self.deliver)
            else:
                root = self._new_root()
                chunk = ChunkId(single_message_id(root)) if len(batch) == 1 else shared_chunk_id(root)
                messages = [member.checked for member in batch]
                slice_ = make_slice(group, messages, chunk=chunk, digest=None, now=self._now(), sealer=self._sealer)
                await self.deliver(slice_, batch[0].traceparent if len(batch) == 1 else None)
                for index, member in enumerate(batch):
                    member.answer_once(message_id_at(None, chunk, 0, index))
        except Problem as problem:
            for member in batch:
                member.answer_once(problem)
        except Exception:  # why: the last frame of these requests; their clients get an answer and the log gets the cause
            log.exception("single messages could not be sent", action="singles_failed", count=len(batch))
            for member in batch:
                member.answer_once(Problem(500, "internal", "this is our fault; the log knows why"))

    async def deliver(self, slice_: Slice, traceparent: str | None) -> None:
        """Return when Kafka has this chunk, and whoever asks for its messages finds them. Raises Problem."""
        kept = self._loop.create_task(self._recent.keep(slice_))
        try:
            await self._ingest.put_single(slice_, traceparent)
            await kept
        finally:
            kept.cancel()
        self._metrics.count("sluice_accepted_messages_total", slice_.lane, by=slice_.size)

    async def confirm(self, tenant: str, identity: str) -> bool:
        """As `KeyedChunks.confirm`."""
        return await self._keyed.confirm(tenant, identity, self.deliver)


SHARED_CHUNKS: web.AppKey[SharedChunks] = web.AppKey("shared_chunks", SharedChunks)


def _next_batch(waiting: deque[Member]) -> list[Member]:
    """The members of the next chunk; those that were told 503 already are left out."""
    batch: list[Member] = []
    characters = 0
    while waiting and len(batch) < MAX_SHARED:
        member = waiting[0]
        if not member.answered:
            characters += len(member.checked.text)
            if batch and characters > MAX_SHARED_CHARACTERS:
                break
            batch.append(member)
        waiting.popleft()
    return batch
