"""What carriers' ids stand for that were given a moment ago: the table `ref_pages`, kept in memory while it is asked.

In: receipts' ids. Out: every message that each may stand for. A page is read once, and forgotten when the table has it no
longer: what still waited then has rows. Nothing is kept while nobody asks. Memory is bounded (130 octets an id): `complete`
is False while there are more, and then nobody may conclude that an id is not there.

Ids are found by dicts, a new one after so many ids: taken out one by one, each would cost more than it did going in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from infra.postgres.pool import Connection, fetch_all
from infra.postgres.sql import load_sql
from schemas.records.ref_page import RefPage, unpack
from streams.adapters.message_ref import AskedId, Candidate, MessageRef

MOST_IDS = 1_000_000
IDS_A_GENERATION = 100_000
PAGES_AT_ONCE = 500
IDLE_SECONDS = 30.0
HERE = "streams.adapters"


class _Page(NamedTuple):
    tenant: str
    chunk: str
    send: int
    carrier: str
    refs: RefPage
    repeats: bool  # a key stands there more than once


@dataclass(slots=True)
class _Generation:
    """Key → number of its page; `others`: further pages with the same key."""

    pages: set[int] = field(default_factory=set)
    first: dict[int, int] = field(default_factory=dict)
    others: dict[int, list[int]] = field(default_factory=dict)

    def add(self, number: int, keys: Sequence[int]) -> None:
        self.pages.add(number)
        if self.first.keys().isdisjoint(keys):
            self.first.update(dict.fromkeys(keys, number))
            return
        for key in set(keys):
            if key in self.first:
                self.others.setdefault(key, []).append(number)
            else:
                self.first[key] = number

    def numbers(self, key: int) -> Sequence[int]:
        number = self.first.get(key)
        return () if number is None else (number, *self.others.get(key, ()))


class Look(NamedTuple):
    """What a look has found. `anything_new`: a page was there that the look before had not seen."""

    candidates: list[Candidate]
    anything_new: bool
    complete: bool


class FreshRefs:
    """The pages; `idle_seconds`: how long they are kept for nobody."""

    def __init__(self, *, most_ids: int = MOST_IDS, idle_seconds: float = IDLE_SECONDS) -> None:
        self._complete = True
        self._too_old = 0
        self._one_at_a_time = asyncio.Lock()
        self._most_ids = most_ids
        self._idle_seconds = idle_seconds
        self._pages: dict[int, _Page] = {}
        self._generations: list[_Generation] = []
        self._idle: asyncio.TimerHandle | None = None

    async def look(self, connection: Connection, asked: Sequence[AskedId]) -> Look:
        """All messages that these ids may stand for, by the pages of this moment."""
        async with self._one_at_a_time:
            anything_new = await self._refresh(connection)
            return Look([one for ask in asked for one in self._find(ask)], anything_new, self._complete)

    async def _refresh(self, connection: Connection) -> bool:
        """Read what is new, forget what is gone; whether anything was new."""
        self._keep()
        listed = [number for (number,) in await fetch_all(connection, load_sql(HERE, "ref_pages_list"))]  # the newest first
        missing = [number for number in listed if number > self._too_old and number not in self._pages]
        for number in self._pages.keys() - set(listed):
            del self._pages[number]
        read = 0
        for begin in range(0, len(missing), PAGES_AT_ONCE):
            if read >= self._most_ids:
                self._too_old = missing[begin]
                break
            read += await self._read(connection, missing[begin : begin + PAGES_AT_ONCE])
        self._drop_oldest()
        self._generations = [one for one in self._generations if not one.pages.isdisjoint(self._pages)]
        self._complete = len(self._pages) == len(listed)
        return bool(missing)

    def _drop_oldest(self) -> None:
        """Make room; what is dropped is not read again."""
        over = sum(len(page.refs) for page in self._pages.values()) - self._most_ids
        for number in sorted(self._pages) if over > 0 else ():
            if over <= 0:
                break
            over -= len(self._pages.pop(number).refs)
            self._too_old = max(self._too_old, number)

    def _find(self, asked: AskedId) -> Iterator[Candidate]:
        for generation in self._generations:
            for number in generation.numbers(asked.key):
                page = self._pages.get(number)
                if page is not None and page.carrier == asked.carrier:
                    yield from _candidates(number, page, asked)

    def _forget(self) -> None:
        self._pages.clear()
        self._generations.clear()
        self._too_old = 0
        self._idle = None

    async def _read(self, connection: Connection, numbers: list[int]) -> int:
        """Read these pages; how many ids they have."""
        count = 0
        for number, tenant, chunk, send, carrier, packed in await fetch_all(
            connection, load_sql(HERE, "ref_pages_read"), (numbers,)
        ):
            refs = unpack(packed)
            self._pages[number] = _Page(tenant, chunk, send, carrier, refs, len(set(refs.keys)) < len(refs))
            if not self._generations or len(self._generations[-1].first) >= IDS_A_GENERATION:
                self._generations.append(_Generation())
            self._generations[-1].add(number, refs.keys)
            count += len(refs)
        return count

    def _keep(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._forget)


def _candidates(number: int, page: _Page, asked: AskedId) -> Iterator[Candidate]:
    """The messages of this page with this key."""
    refs = page.refs
    for place in range(len(refs)) if page.repeats else (refs.keys.index(asked.key),):
        if refs.keys[place] == asked.key:
            position, segments = refs.positions[place], refs.segments[place]
            ref = MessageRef(page.tenant, page.chunk, page.send, position, segments, uncertain=False, id=asked.id)
            yield Candidate(asked.n, asked.id, refs.hashes[place] == asked.to_hash, number, ref)
