"""What carriers' ids stand for: `ref_pages`, one row for each (chunk, send, carrier) of a batch.

In: the columns of `Settled` records. Out: rows, packed; a page is due once most receipts have come, and the releaser then
gives what still waits rows in `message_refs`. It is due at once when a receipt is parked that may be about one of its
messages: the lock makes sure that either we see such a receipt, or whoever parks it sees our page.
"""

from __future__ import annotations

from collections.abc import Iterable

from connectors.sinks.contract import Writer
from connectors.sinks.settled_columns import SettledColumns
from infra.postgres.sql import load_sql
from schemas.records.ref_page import RefPage

Block = tuple[str, str, int, str]
"""Tenant, chunk, send, carrier."""


class FreshRefs:
    """Gathers pages, then writes them at once. `due_at`: epoch milliseconds."""

    def __init__(self, due_at: int) -> None:
        self._due_at = due_at
        self._pages: dict[Block, RefPage] = {}
        self._at: dict[Block, int] = {}

    def add_answered(self, columns: SettledColumns, known: int) -> None:
        """The ids of this call's messages, but of those in the set `known`."""
        refs = columns.refs(known)
        if not refs:
            return
        call = columns.settled
        block = (call.tenant, call.chunk, call.send, call.carrier)
        if block in self._pages:
            self._pages[block].extend(refs)
        else:
            self._pages[block] = refs
        self._at[block] = max(call.at, self._at.get(block, 0))

    def write(self, transaction: Writer) -> None:
        """Write all rows; nothing but the commit should follow, for the lock is held until then."""
        if not self._pages:
            return
        blocks = list(self._pages)
        transaction.execute(load_sql(__package__, "parking_stands_still"))
        parked = self._parked(transaction)
        transaction.execute(
            load_sql(__package__, "insert_ref_pages"),
            (
                *([block[n] for block in blocks] for n in range(4)),
                [self._at[block] for block in blocks],
                [self._due_at if parked.isdisjoint(self._pages[block].keys) else 0 for block in blocks],
                [self._pages[block].pack() for block in blocks],
            ),
        )

    def _parked(self, transaction: Writer) -> set[int]:
        """Keys of ours that parked receipts have."""
        if not transaction.rows(load_sql(__package__, "any_parked"))[0][0]:
            return set()
        keys: Iterable[int] = (key for page in self._pages.values() for key in page.keys)
        return {key for (key,) in transaction.rows(load_sql(__package__, "parked_among"), (list(keys),))}
