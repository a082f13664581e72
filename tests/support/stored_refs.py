"""A chunk in PostgreSQL, and references to its messages as rows and in pages, for look-ups of receipts.

In: a database's URL. Out: rows; a receipt to look up; what is parked.
"""

from __future__ import annotations

import struct
from array import array

import psycopg

from schemas.records.slice import Columns
from schemas.values.carrier_ids import ref_key
from streams.ports import UnknownReceipt
from tests.support.ref_pages import a_page, store_page
from tests.support.streams.fakes import CAMPAIGN, CHUNK, NOW, SEALER, TENANT

HASH = struct.pack("<q", -77)


def receipt(*ids: str, to_hash: bytes = HASH, state: str = "DELIVRD") -> UnknownReceipt:
    return UnknownReceipt(carrier="acme", ids=ids, to_hash=to_hash, state=state, code="000", done_at=NOW)


def store_chunk(url: str, refs: list[str | None] | None = None) -> None:
    key_id, sealed = SEALER.seal(
        Columns(to=array("Q", [1, 2, 3]).tobytes(), refs=refs), tenant=TENANT, campaign=CAMPAIGN, chunk=CHUNK
    )
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO chunk_payloads (tenant, chunk, campaign, part, size, lane, sender, body, smart, version, grouping,"
            " accepted_at, due_at, expires_at, indexes, key_id, sealed, to_hashes) VALUES"
            " (%s, %s, %s, 4, 3, 'marketing', 's', 'b', false, 1, 0, 1, 1, 2, %s, %s, %s, '{1,2,3}')",
            (TENANT, CHUNK, CAMPAIGN, array("I", [10, 11, 12]).tobytes(), key_id, sealed),
        )


def store_ref(url: str, id_: str, position: int, *, to_hash: int = -77) -> None:
    with psycopg.connect(url) as connection:
        [number] = (
            connection.execute(
                "INSERT INTO ref_blocks (tenant, chunk, send, carrier, at) VALUES (%s, %s, 2, 'acme', %s) RETURNING number",
                (TENANT, CHUNK, NOW),
            ).fetchone()
            or ()
        )
        connection.execute("INSERT INTO message_refs VALUES (%s, %s, %s, %s, 3)", (ref_key(id_), to_hash, number, position))


def store_fresh_ref(url: str, id_: str, position: int, *, to_hash: int = -77) -> None:
    store_page(url, TENANT, CHUNK, a_page([id_, "9"], [position, 0], to_hash=to_hash))


def parked(url: str) -> list[tuple[str, int, str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT id, to_hash, state FROM parked_receipts ORDER BY id").fetchall()
