"""Rows of `carrier_refs` as a COPY stream: by a carrier's id to the message it was given for.

In: a `Settled` record and, position by position, the ids of its segments in their normal form. Out: one row a segment.
An empty id (the carrier gave none) makes no row.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from connectors.sinks.contract import Writer
from infra.postgres import binary
from infra.postgres.sql import load_sql
from schemas.records import Settled

_FIELDS = (9).to_bytes(2, "big")
_TAIL = struct.Struct(">ihiqihiq")  # position int2, to_hash int8, segments int2, at int8, each behind its length


class RefsStream:
    """Gathers rows, then writes them at once."""

    def __init__(self) -> None:
        self._rows: list[bytes] = []
        self._of: Settled | None = None
        self._carrier = b""
        self._chunk = b""

    def add(self, call: Settled, position: int, ids: Sequence[str], to_hash: int, segments: int) -> None:
        """The ids of one message."""
        if call is not self._of:
            self._of = call
            self._carrier = _FIELDS + binary.text(call.carrier)
            self._chunk = binary.uuid(call.tenant) + binary.text(call.chunk) + binary.int4(call.send)
        tail = _TAIL.pack(2, position, 8, to_hash, 2, segments, 8, call.at)
        self._rows.extend(self._carrier + binary.text(id_) + self._chunk + tail for id_ in ids if id_)

    def write(self, transaction: Writer) -> None:
        """Send all rows."""
        if self._rows:
            transaction.copy("COPY staging_refs FROM STDIN (FORMAT binary)", binary.stream(self._rows))
            transaction.execute(load_sql(__package__, "insert_refs"))
