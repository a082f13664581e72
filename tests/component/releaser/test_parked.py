"""Receipts that came before their message was known go back to `carrier-receipts` as they came.

In: parked receipts, the references of their messages. Out: records with the time and the words of each receipt.
"""

from __future__ import annotations

import secrets
from functools import partial

import pytest

from connectors.releaser.leases import RowLeases
from connectors.releaser.maintenance import LATELY_MS, SHARES, replay_parked
from infra.kafka.outbox import Outbox
from infra.services.stack import Stack
from schemas.records.wire import NO_TIME, CarrierReceipts
from schemas.values.carrier_ids import ref_key
from tests.support.log_records import NOW, TENANT
from tests.support.releaser_rows import execute, rows
from tests.support.topic_reader import records_of

pytestmark = pytest.mark.stack

PARKED = (
    "INSERT INTO parked_receipts (carrier, id, key, to_hash, state, code, done_at, done_text, at) "
    "VALUES (%s, %s, %s, 7, 'DELIVRD', '000', %s, %s, %s)"
)
BLOCK = "INSERT INTO ref_blocks (tenant, chunk, send, carrier, at) VALUES (%s, 'chk', 1, %s, 1)"
REF = "INSERT INTO message_refs SELECT %s, 7, max(number), 0, 1 FROM ref_blocks"


async def test_each_goes_back_with_the_time_at_which_it_came_and_the_carriers_words(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox
) -> None:
    carrier = f"acme-{secrets.token_hex(3)}"
    execute(database, BLOCK, TENANT, carrier)
    for id_, done_at, done_text, came in (
        ("1a", NO_TIME, "4 March", NOW - 5),
        ("1b", NOW - 9, "", NOW - 5),
        ("1c", NOW - 9, "", NOW),
    ):
        execute(database, PARKED, carrier, id_, ref_key(id_), done_at, done_text, came)
        execute(database, REF, ref_key(id_))
    await replay_parked(leases, outbox, lambda: NOW + 1)
    records = [one for one in records_of(services.kafka, "carrier-receipts", CarrierReceipts) if one.carrier == carrier]
    assert sorted((one.at, sorted(one.ids.split("\n")), sorted(one.done_texts.split("\n"))) for one in records) == [
        (NOW - 5, ["1a", "1b"], ["", "4 March"]),
        (NOW, ["1c"], [""]),
    ]
    assert rows(database, "SELECT id FROM parked_receipts") == []


async def test_one_that_came_long_ago_has_its_turn_whoever_comes_every_other_second(
    database: str, leases: RowLeases, outbox: Outbox
) -> None:
    execute(database, BLOCK, TENANT, "acme")
    execute(database, PARKED, "acme", "1a", ref_key("1a"), NOW, "", NOW)
    execute(database, REF, ref_key("1a"))
    for at in range(NOW + LATELY_MS, NOW + LATELY_MS + 2000 * SHARES, 2000):
        await replay_parked(leases, outbox, partial(int, at))
    assert rows(database, "SELECT id FROM parked_receipts") == []
