"""Which uncertain messages a receipt may still be about: the view and `schemas.values.status` say the same."""

from __future__ import annotations

import psycopg
import pytest

from infra.services.stack import Stack
from schemas.values.status import Status, sequence
from tests.support.database import add_tenant, fresh_database

pytestmark = pytest.mark.stack
TENANT = "7b1e0000-0000-4000-8000-000000000001"
SETTLED = {Status.DELIVERED, Status.READ, Status.UNDELIVERED}


def test_a_message_is_unsettled_until_a_receipt_says_how_it_ended(services: Stack) -> None:
    send, statuses = 3, [status for status in Status if status is not Status.ACCEPTED]
    empty = [0] * len(statuses)
    with fresh_database(services.postgres) as url, psycopg.connect(url) as connection:
        add_tenant(url, TENANT)
        connection.execute(
            "INSERT INTO chunks VALUES (%s, 'chk', NULL, 0, %s, 'otp', %s, %s, %s, %s, %s, 500, '{}', 1)",
            (TENANT, len(statuses), [sequence(send, status) for status in statuses], empty, empty, empty, empty),
        )
        for position in range(len(statuses)):
            connection.execute(
                "INSERT INTO uncertain_positions VALUES (%s, 'acme', 7, 'chk', %s, %s, 1)", (TENANT, send, position)
            )
        rows = connection.execute("SELECT position FROM unsettled_positions ORDER BY position").fetchall()
    assert {statuses[position] for (position,) in rows} == set(statuses) - SETTLED
