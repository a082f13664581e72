"""Pages of references in a test's database: written as a sink writes them, read back entry by entry.

In: a database's URL. Out: rows of `ref_pages`; the entries of all of them in a fixed order.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import psycopg

from schemas.records.ref_page import RefPage, unpack
from schemas.values.carrier_ids import ref_key


class Entry(NamedTuple):
    """What one carrier's id stands for."""

    tenant: str
    chunk: str
    send: int
    carrier: str
    key: int
    to_hash: int
    position: int
    segments: int


def fresh_refs(url: str) -> list[Entry]:
    """The entries of all pages."""
    with psycopg.connect(url) as connection:
        pages = connection.execute("SELECT tenant::text, chunk, send, carrier, refs FROM ref_pages").fetchall()
    found: list[Entry] = []
    for tenant, chunk, send, carrier, packed in pages:
        refs = unpack(packed)
        columns = zip(refs.keys, refs.hashes, refs.positions, refs.segments, strict=True)
        found += [Entry(tenant, chunk, send, carrier, *entry) for entry in columns]
    return sorted(found)


def a_page(ids: Sequence[str], positions: Sequence[int], *, to_hash: int = -77, segments: int = 3) -> bytes:
    """A packed page of these ids, each of the message at its position."""
    count = len(ids)
    return RefPage(
        array("q", map(ref_key, ids)),
        array("q", [to_hash] * count),
        array("H", positions),
        array("B", [segments] * count),
    ).pack()


def store_page(
    url: str, tenant: str, chunk: str, refs: bytes, *, send: int = 2, carrier: str = "acme", due_at: int = 1 << 60
) -> int:
    """Write a page; its number."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "INSERT INTO ref_pages (tenant, chunk, send, carrier, at, due_at, refs) VALUES (%s, %s, %s, %s, 1, %s, %s) "
            "RETURNING number",
            (tenant, chunk, send, carrier, due_at, refs),
        ).fetchone()
    assert row is not None
    return int(row[0])
