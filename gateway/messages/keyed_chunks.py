"""Single messages with idempotency keys in one chunk, each made at most once.

Enters: members of one group. Leaves: every member answered. Between any two of these steps the gateway may die:

1. Redis: the keys are claimed for 2 s (`KeyBatches`). What it knows is answered: the answer of before, 422, 409.
2. PostgreSQL, one transaction: what a key made before is found; the others' places in a chunk are written, and the record
   of that chunk as it will go to Kafka.
3. Kafka has the record.
4. Redis keeps the answers for a day. Then the callers hear them.

A repeat that finds a place (step 2) whose chunk the sinks do not have writes the same record again: everybody recognises it
by chunk, send number and position, and its neighbours in the chunk, who never heard an answer, are sent if they were not.
PostgreSQL away: keys that Redis knows to be new get a chunk of their own, under the id that derives from the key; the others
are 503, because they may have a place that nobody can look up now. Redis away: PostgreSQL decides alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.http.problem import Problem, unavailable
from gateway.idempotency.batch import KeyBatches, Known
from gateway.idempotency.keys import Stored, judge
from gateway.messages.accepted import accepted
from gateway.messages.member import Member
from gateway.messages.singles import Group, make_slice
from infra.postgres.pool import Connection, DatabaseDown, Pool, execute, fetch_all, fetch_one, tenant_transaction
from infra.postgres.sql import load_sql
from infra.security.sealing import Sealer
from infra.telemetry.metrics import Metrics
from schemas.records.codec import decode_as, encode
from schemas.records.slice import Slice
from schemas.records.wire import Envelope
from schemas.values.ids import (
    ChunkId,
    MessageId,
    campaign_id,
    message_id_at,
    parse_message_id,
    shared_chunk_id,
    single_message_id,
)

Deliver = Callable[[Slice, str | None], Awaitable[None]]
"""Return when Kafka has the chunk, in this trace or none; raises Problem."""
_CLAIM_AGAIN = 3
"""How often a transaction is begun anew because another gateway claimed one of its keys in the meantime."""


class _Taken(Exception):
    """Another gateway claimed a key between our look and our writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedChunks:
    """`postgres_up`: whether it is worth asking. `now`: milliseconds since 1970; `new_root`: 26 new characters."""

    marks: KeyBatches
    pool: Pool
    sealer: Sealer
    metrics: Metrics
    postgres_up: Callable[[], bool]
    now: Callable[[], int]
    new_root: Callable[[], str]

    async def send(self, group: Group, members: Sequence[Member], deliver: Deliver) -> None:
        """Answer all of them. Raises Problem for those that it has not answered."""
        marks = await self.marks.begin(group.tenant, members)
        begun: list[Member] = []
        fresh: set[str] = set()
        for member, mark in zip(members, marks, strict=True):
            if isinstance(mark, Problem):
                member.tell(mark)
            elif isinstance(mark, Stored):
                member.tell(_id_of(mark), replayed=True)
            else:
                begun.append(member)
                if mark is Known.NEW:
                    fresh.add(member.root)
        if not begun:
            return
        try:
            await self._send(group, begun, fresh, deliver)
        finally:
            left = [member for member in begun if not member.answered]
            if left:
                await self.marks.release(group.tenant, left, nothing_done=False)

    async def _send(self, group: Group, members: Sequence[Member], fresh: set[str], deliver: Deliver) -> None:
        try:
            if not self.postgres_up():
                raise DatabaseDown("PostgreSQL did not answer lately")
            made, slice_, claimed = await self._claim(group, members)
        except DatabaseDown:
            self.metrics.count("sluice_dependency_failures_total", "postgres")
            await self._send_alone(group, members, fresh, deliver)
            return
        if slice_ is not None:
            await deliver(slice_, claimed[0].traceparent if len(claimed) == 1 else None)
            await self._finish(group, [(m, message_id_at(None, slice_.chunk, 0, n)) for n, m in enumerate(claimed)])
        for member, row in made:
            await self._answer_made(group, member, row, deliver)

    async def _claim(
        self, group: Group, members: Sequence[Member]
    ) -> tuple[list[tuple[Member, Any]], Slice | None, list[Member]]:
        """Members whose keys made something before, with its row; the chunk of the others, and these. Raises DatabaseDown
        where nothing can have been written; Problem where that is not known."""
        for _ in range(_CLAIM_AGAIN):
            writing = False
            try:
                async with tenant_transaction(self.pool, group.tenant) as connection:
                    made, slice_, others = await self._look(connection, group, members)
                    if slice_ is not None:
                        writing = True
                        await self._write(connection, slice_, others)
                return made, slice_, others
            except _Taken:
                continue
            except DatabaseDown:
                if not writing:
                    raise
                # Sent alone now, they would be sent again by a repeat that finds their places.
                raise unavailable("database_unavailable", "PostgreSQL went away in the middle; try again") from None
        raise unavailable("overloaded", "these keys are being used by others; try again")

    async def _look(
        self, connection: Connection, group: Group, members: Sequence[Member]
    ) -> tuple[list[tuple[Member, Any]], Slice | None, list[Member]]:
        roots = [member.root for member in members]
        which = {
            "tenant": group.tenant,
            "roots": roots,
            "messages": [single_message_id(root) for root in roots],
            "campaigns": [campaign_id(root) for root in roots],
        }
        rows = {row[0]: row for row in await fetch_all(connection, load_sql("gateway.idempotency", "find_key"), which)}
        made = [(member, rows[member.root]) for member in members if member.root in rows]
        others = [member for member in members if member.root not in rows]
        if not others:
            return made, None, []
        alone = len(others) == 1
        chunk = ChunkId(single_message_id(others[0].root)) if alone else shared_chunk_id(self.new_root())
        return made, self._cut(group, others, chunk), others

    async def _write(self, connection: Connection, slice_: Slice, members: Sequence[Member]) -> None:
        head = {"tenant": slice_.tenant, "chunk": slice_.chunk, "now": slice_.accepted_at}
        claimed = await execute(
            connection,
            load_sql("gateway.idempotency", "keep_keys"),
            head | {"roots": [member.root for member in members], "digests": [member.digest for member in members]},
        )
        if claimed < len(members):
            raise _Taken
        if len(members) > 1:
            record = encode(Envelope(slices=[slice_]))
            await execute(connection, load_sql("gateway.idempotency", "keep_record"), head | {"record": record})

    def _cut(self, group: Group, members: Sequence[Member], chunk: ChunkId) -> Slice:
        messages, digest = [member.checked for member in members], members[0].digest if len(members) == 1 else None
        return make_slice(group, messages, chunk=chunk, digest=digest, now=self.now(), sealer=self.sealer)

    async def _finish(self, group: Group, answered: Sequence[tuple[Member, MessageId]], *, replayed: bool = False) -> None:
        stored = [(m, accepted(identity, m.checked.encoding, m.checked.segments)) for m, identity in answered]
        await self.marks.finish(group.tenant, stored)
        for member, identity in answered:
            member.tell(identity, replayed=replayed)

    async def _answer_made(self, group: Group, member: Member, row: Any, deliver: Deliver) -> None:
        """The key made something before: the same again, once Kafka surely has it, or why not."""
        _, identity, digest, at, _ = row
        try:
            judge(identity, digest, at, member.digest)
        except Problem as problem:
            await self.marks.release(group.tenant, [member], nothing_done=True)
            member.tell(problem)
            return
        try:
            if not await self.confirm(group.tenant, identity, deliver):
                chunk = ChunkId(single_message_id(member.root))
                await deliver(self._cut(group, [member], chunk), member.traceparent)
            await self._finish(group, [(member, MessageId(identity))], replayed=True)
        except Problem as problem:
            await self.marks.release(group.tenant, [member], nothing_done=False)
            member.tell(problem)

    async def confirm(self, tenant: str, identity: str, deliver: Deliver) -> bool:
        """Whether Kafka has the message of this id, which some key made; its record is written again where the sinks do not
        have it. False: it is a chunk of its own, and nobody kept its record. Raises Problem."""
        chunk = parse_message_id(identity).chunk
        if chunk is None:
            raise ValueError(f"{identity} is not a single message")
        which = {"tenant": tenant, "chunk": chunk}
        try:
            async with tenant_transaction(self.pool, tenant) as connection:
                # In this order: a record is forgotten once the sinks have its chunk.
                row = await fetch_one(connection, load_sql("gateway.idempotency", "find_record"), which)
                known = await fetch_one(connection, load_sql("gateway.idempotency", "find_chunk"), which)
        except DatabaseDown:
            raise unavailable("database_unavailable", "what this key made cannot be looked up now; try again") from None
        if known is None and row is not None:
            await deliver(decode_as(bytes(row[0]), Envelope).slices[0], None)
        return known is not None or row is not None

    async def _send_alone(self, group: Group, members: Sequence[Member], fresh: set[str], deliver: Deliver) -> None:
        """Without PostgreSQL: each that is new under the id that derives from its key; a repeat is recognised by it."""
        for member in members:
            if member.root not in fresh:
                member.tell(unavailable("database_unavailable", "whether this key was used is not known now; try again"))
        await asyncio.gather(*(self._send_one(group, member, deliver) for member in members if member.root in fresh))

    async def _send_one(self, group: Group, member: Member, deliver: Deliver) -> None:
        chunk = ChunkId(single_message_id(member.root))
        await deliver(self._cut(group, [member], chunk), member.traceparent)
        await self._finish(group, [(member, MessageId(chunk))])


def _id_of(stored: Stored) -> MessageId:
    return MessageId((stored.location or "").rpartition("/")[2])
