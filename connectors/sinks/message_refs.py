"""What carriers' ids stand for: `ref_blocks`, one row for each (chunk, send, carrier) of a batch, and `message_refs`, one a
segment, as a COPY stream.

In: a `Settled` record and its columns: position by position the ids of its segments in their normal form. Out: rows. An
empty id (the carrier gave none) makes no row.
"""

from __future__ import annotations

import struct

from connectors.sinks.contract import Writer
from connectors.sinks.settled_columns import SettledColumns
from infra.postgres import binary
from infra.postgres.sql import load_sql
from schemas.records.wire import Settled
from schemas.values.carrier_ids import ref_key

_ROW = struct.Struct(">hiqiqiqihih")  # five fields: key, to_hash, block, position, segments, each behind its length

Block = tuple[str, str, int, str]
"""Tenant, chunk, send, carrier."""
Ref = tuple[int, int, int, int]
"""Key, destination hash, position, segments."""


class MessageRefs:
    """Gathers rows, then writes them at once."""

    def __init__(self) -> None:
        self._blocks: dict[Block, list[Ref]] = {}
        self._at: dict[Block, int] = {}

    def add_answered(self, call: Settled, columns: SettledColumns, known: int) -> None:
        """The ids of this call's messages, but of those in the set `known`."""
        block = (call.tenant, call.chunk, call.send, call.carrier)
        refs = self._blocks.setdefault(block, [])
        ids, to_hashes, segments = columns.ids, columns.to_hashes, columns.segments
        if known & call.positions:
            ids = {position: own for position, own in ids.items() if not known >> position & 1}
        refs += [
            (ref_key(id_), to_hashes[position], position, segments[position])
            for position, own in ids.items()
            for id_ in own
            if id_
        ]
        self._at[block] = max(call.at, self._at.get(block, 0))

    def write(self, transaction: Writer) -> None:
        """Send all rows."""
        blocks = [block for block, refs in self._blocks.items() if refs]
        if not blocks:
            return
        numbers = transaction.rows(
            load_sql(__package__, "insert_ref_blocks"),
            (*([block[n] for block in blocks] for n in range(4)), [self._at[block] for block in blocks]),
        )
        pack = _ROW.pack
        transaction.copy(
            "COPY message_refs FROM STDIN (FORMAT binary)",
            binary.stream(
                pack(5, 8, key, 8, to_hash, 8, number, 2, position, 2, count)
                for number, *block in numbers
                for key, to_hash, position, count in self._blocks[tuple(block)]
            ),
        )
