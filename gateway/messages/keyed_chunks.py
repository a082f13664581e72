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
are 503, because they may have a place that nobody can look up now; a Redis that was emptied within the day knows of no key
that it is new. Redis away: PostgreSQL decides alone. A key that was or may have been begun before and has no place gets a
chunk of its own too: what was sent without PostgreSQL has no place, and is recognised by that id alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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


_NEVER_BEGUN = frozenset((Known.NEW, Known.UNSEEN))
"""Those that may share a chunk."""


class _Cut(NamedTuple):
    """A chunk, and whose messages stand in it."""

    slice: Slice
    members: Sequence[Member]


_Made = list[tuple[Member, Any]]
"""Members whose keys made something before, each with its row of `find_key`."""


class _KeyConflict(Exception):
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
        known: dict[str, Known] = {}
        for member, mark in zip(members, marks, strict=True):
            if isinstance(mark, Problem):
                member.answer_once(mark)
            elif isinstance(mark, Stored):
                member.answer_once(_id_of(mark), replayed=True)
            else:
                begun.append(member)
                known[member.root] = mark
        if not begun:
            return
        try:
            await self._send(group, begun, known, deliver)
        finally:
            left = [member for member in begun if not member.answered]
            if left:
                await self.marks.release(group.tenant, left, nothing_done=False)

    async def _send(self, group: Group, members: Sequence[Member], known: Mapping[str, Known], deliver: Deliver) -> None:
        try:
            if not self.postgres_up():
                raise DatabaseDown("PostgreSQL did not answer lately")
            made, cuts = await self._claim(group, members, known)
        except DatabaseDown:
            self.metrics.count("sluice_dependency_failures_total", "postgres")
            await self._send_alone(group, members, known, deliver)
            return
        await asyncio.gather(*(self._send_cut(group, cut, deliver) for cut in cuts))
        for member, row in made:
            await self._answer_made(group, member, row, deliver)

    async def _claim(self, group: Group, members: Sequence[Member], known: Mapping[str, Known]) -> tuple[_Made, list[_Cut]]:
        """Members whose keys made something before, with its row; the chunks of the others. Raises DatabaseDown
        where nothing can have been written; Problem where that is not known."""
        for _ in range(_CLAIM_AGAIN):
            writing = False
            try:
                async with tenant_transaction(self.pool, group.tenant) as connection:
                    made, cuts = await self._look(connection, group, members, known)
                    if cuts:
                        writing = True
                        await self._write(connection, group.tenant, cuts)
                return made, cuts
            except _KeyConflict:
                continue
            except DatabaseDown:
                if not writing:
                    raise
                # Sent alone now, they would be sent again by a repeat that finds their places.
                raise unavailable("database_unavailable", "PostgreSQL went away in the middle; try again") from None
        raise unavailable("overloaded", "these keys are being used by others; try again")

    async def _look(
        self, connection: Connection, group: Group, members: Sequence[Member], known: Mapping[str, Known]
    ) -> tuple[_Made, list[_Cut]]:
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
        sharing = [member for member in others if known[member.root] in _NEVER_BEGUN]
        alone = others if len(sharing) < 2 else [member for member in others if known[member.root] not in _NEVER_BEGUN]
        cuts = [self._cut_alone(group, member) for member in alone]
        if len(sharing) > 1:
            cuts.append(self._cut(group, sharing, shared_chunk_id(self.new_root())))
        return made, cuts

    async def _write(self, connection: Connection, tenant: str, cuts: Sequence[_Cut]) -> None:
        places = [(member, cut.slice.chunk, n) for cut in cuts for n, member in enumerate(cut.members)]
        which = {
            "tenant": tenant,
            "now": cuts[0].slice.accepted_at,
            "roots": [member.root for member, _, _ in places],
            "digests": [member.digest for member, _, _ in places],
            "chunks": [chunk for _, chunk, _ in places],
            "positions": [n for _, _, n in places],
        }
        if await execute(connection, load_sql("gateway.idempotency", "keep_keys"), which) < len(places):
            raise _KeyConflict
        for slice_ in (cut.slice for cut in cuts if len(cut.members) > 1):
            record = encode(Envelope(slices=[slice_]))
            which = {"tenant": tenant, "chunk": slice_.chunk, "now": slice_.accepted_at, "record": record}
            await execute(connection, load_sql("gateway.idempotency", "keep_record"), which)

    def _cut(self, group: Group, members: Sequence[Member], chunk: ChunkId) -> _Cut:
        messages, digest = [member.checked for member in members], members[0].digest if len(members) == 1 else None
        slice_ = make_slice(group, messages, chunk=chunk, digest=digest, now=self.now(), sealer=self.sealer)
        return _Cut(slice_, members)

    def _cut_alone(self, group: Group, member: Member) -> _Cut:
        return self._cut(group, [member], ChunkId(single_message_id(member.root)))

    async def _send_cut(self, group: Group, cut: _Cut, deliver: Deliver) -> None:
        """Its members are answered, also with the Problem that keeps it from Kafka."""
        slice_, members = cut
        try:
            await deliver(slice_, members[0].traceparent if len(members) == 1 else None)
        except Problem as problem:
            await self._refuse(group, members, problem)
            return
        await self._finish(group, [(m, message_id_at(None, slice_.chunk, 0, n)) for n, m in enumerate(members)])

    async def _refuse(
        self, group: Group, members: Sequence[Member], problem: Problem, *, nothing_done: bool = False
    ) -> None:
        await self.marks.release(group.tenant, members, nothing_done=nothing_done)
        for member in members:
            member.answer_once(problem)

    async def _finish(self, group: Group, answered: Sequence[tuple[Member, MessageId]], *, replayed: bool = False) -> None:
        stored = [(m, accepted(identity, m.checked.encoding, m.checked.segments)) for m, identity in answered]
        await self.marks.finish(group.tenant, stored)
        for member, identity in answered:
            member.answer_once(identity, replayed=replayed)

    async def _answer_made(self, group: Group, member: Member, row: Any, deliver: Deliver) -> None:
        """The key made something before: the same again, once Kafka surely has it, or why not."""
        _, identity, digest, at, _ = row
        try:
            judge(identity, digest, at, member.digest)
        except Problem as problem:
            await self._refuse(group, [member], problem, nothing_done=True)
            return
        try:
            if not await self.confirm(group.tenant, identity, deliver):
                await deliver(self._cut_alone(group, member).slice, member.traceparent)
            await self._finish(group, [(member, MessageId(identity))], replayed=True)
        except Problem as problem:
            await self._refuse(group, [member], problem)

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

    async def _send_alone(
        self, group: Group, members: Sequence[Member], known: Mapping[str, Known], deliver: Deliver
    ) -> None:
        """Without PostgreSQL: each that is new under the id that derives from its key; a repeat is recognised by it."""
        fresh = [member for member in members if known[member.root] is Known.NEW]
        unclear = [member for member in members if known[member.root] is not Known.NEW]
        problem = unavailable("database_unavailable", "whether this key was used is not known now; try again")
        # Those that nobody has begun may be asked for again as if they had not been now.
        await self._refuse(group, [m for m in unclear if known[m.root] is Known.UNSEEN], problem, nothing_done=True)
        await self._refuse(group, [m for m in unclear if known[m.root] is not Known.UNSEEN], problem)
        await asyncio.gather(*(self._send_cut(group, self._cut_alone(group, member), deliver) for member in fresh))


def _id_of(stored: Stored) -> MessageId:
    return MessageId((stored.location or "").rpartition("/")[2])
