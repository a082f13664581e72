"""Pages of references that are due: what still waits for its receipt gets rows of its own.

In: `ref_pages`, and in `chunks` what is delivered by now. Out: `ref_blocks` and `message_refs`, in the transaction that
takes the page out: a kill at any instant leaves a message to be found by its page or by its row. Several releasers take
different pages. Of a chunk whose state nobody knows yet everything waits. Raises DatabaseDown.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from connectors.releaser.leases import HERE, RowLeases
from infra.kafka.outbox import Outbox
from infra.postgres import binary
from infra.postgres.pool import Connection, copy, execute, fetch_all
from infra.postgres.sql import load_sql
from schemas.records.ref_page import unpack
from schemas.values.status import ABOVE_SENDS

PAGES_AT_ONCE = 200
_ROW = struct.Struct(">hiqiqiqihih")  # five fields: key, to_hash, block, position, segments, each behind its length


class _Page(NamedTuple):
    """A row of `take_ref_pages`."""

    number: int
    tenant: str
    chunk: str
    send: int
    carrier: str
    at: int
    refs: bytes | None
    waiting: list[int] | None


async def place_refs(leases: RowLeases, _outbox: Outbox, now: Callable[[], int]) -> None:
    """Place all pages that are due, a portion in each transaction."""
    taken = PAGES_AT_ONCE
    while taken == PAGES_AT_ONCE:
        async with leases.transaction() as connection:
            taken = await _place(connection, now())


async def _place(connection: Connection, now: int) -> int:
    """Place a portion; how many pages it had."""
    given = {"now": now, "limit": PAGES_AT_ONCE, "delivered": ABOVE_SENDS}
    pages = [_Page(*row) for row in await fetch_all(connection, load_sql(HERE, "take_ref_pages"), given)]
    placed = [(page, list(_rows(page, page.refs))) for page in pages if page.refs is not None]
    blocks = [page[:6] for page, refs in placed if refs]
    if blocks:
        columns = [list(column) for column in zip(*blocks, strict=True)]
        await execute(connection, load_sql(HERE, "insert_ref_blocks"), columns)
        rows = binary.stream(row for _, refs in placed for row in refs)
        await copy(connection, "COPY message_refs FROM STDIN (FORMAT binary)", rows)
    return len(pages)


def _rows(page: _Page, packed: bytes) -> Iterator[bytes]:
    """A row for each reference whose message waits."""
    refs, number, pack = unpack(packed), page.number, _ROW.pack
    waiting = None if page.waiting is None else set(page.waiting)
    for key, to_hash, position, count in zip(refs.keys, refs.hashes, refs.positions, refs.segments, strict=True):
        if waiting is None or position in waiting:
            yield pack(5, 8, key, 8, to_hash, 8, number, 2, position, 2, count)
