"""Every change by an operator leaves a row, whatever way it came, in the transaction of the change.

In: statements as the gateway and the command line run them. Out: rows of `audit`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from infra.services.stack import Stack
from tests.support.database import add_tenant, fresh_database
from tests.support.log_records import TENANT

pytestmark = pytest.mark.stack

CAMPAIGN = (
    "INSERT INTO campaigns (tenant, id, name, sender, body, lane, validity_seconds, status, grouping, digest, answer, "
    f"created_at) VALUES ('{TENANT}', 'c', 'n', 's', 'b', 'marketing', 1, 'draft', 0, '', '{{}}', 0)"
)
CARRIER = (
    "INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds, partition, secret) "
    "VALUES ('acme', 3, 'smpp', 10, 1, 2, 60, 0, 'sealed-before')"
)


@pytest.fixture
def connection(services: Stack) -> Iterator[psycopg.Connection[Any]]:
    with fresh_database(services.postgres) as url:
        add_tenant(url, TENANT)
        with psycopg.connect(url, autocommit=True, application_name="sluice-admin") as made:
            made.execute("DELETE FROM audit")
            yield made


def written(connection: psycopg.Connection[Any]) -> list[tuple[str, str, dict[str, Any]]]:
    rows = connection.execute("SELECT action, subject, detail, who FROM audit ORDER BY number").fetchall()
    assert {who for *_, who in rows} <= {"command_line"}
    return [(action, subject, detail) for action, subject, detail, _ in rows]


def test_what_campaigns_and_messages_were_told(connection: psycopg.Connection[Any]) -> None:
    connection.execute(CAMPAIGN)
    for status in ("running", "paused", "running", "running", "canceled"):
        connection.execute("UPDATE campaigns SET status = %s", (status,))
    connection.execute("UPDATE campaigns SET start_at = 5")
    connection.execute("UPDATE campaigns SET published = version")
    connection.execute(
        "INSERT INTO campaign_retries (tenant, campaign, number, scope, at) VALUES (%s, 'c', 1, 'failed', 1)", (TENANT,)
    )
    connection.execute(
        "INSERT INTO canceled_messages (tenant, chunk, lane, places, at) VALUES (%s, 'k', '', '{2}', 1)", (TENANT,)
    )
    connection.execute("UPDATE canceled_messages SET places = places || 7::smallint")
    connection.execute("UPDATE canceled_messages SET published = version")
    assert written(connection) == [
        ("campaign.start", "c", {"from": "draft"}),
        ("campaign.pause", "c", {"from": "running"}),
        ("campaign.resume", "c", {"from": "paused"}),
        ("campaign.cancel", "c", {"from": "running"}),
        ("campaign.reschedule", "c", {"start_at": 5, "hours": None}),
        ("campaign.retry", "c", {"scope": "failed"}),
        ("message.cancel", "k", {"place": 2}),
        ("message.cancel", "k", {"place": 7}),
    ]


def test_what_operators_stopped_and_changed_without_a_secret(connection: psycopg.Connection[Any]) -> None:
    connection.execute(CARRIER)
    connection.execute("UPDATE carriers SET rate = 20")
    connection.execute("UPDATE carriers SET rate = 20")
    connection.execute("UPDATE carriers SET secret = 'sealed-behind'")
    connection.execute("INSERT INTO stops VALUES ('sender', 'Shop', 1), ('all', '', 1)")
    connection.execute("DELETE FROM stops WHERE kind = 'all'")
    connection.execute("INSERT INTO scheduler (enabled, since) VALUES (false, 1)")
    connection.execute("UPDATE scheduler SET enabled = true")
    rows = written(connection)
    assert rows[0][:2] == ("carrier.add", "acme") and rows[0][2]["rate"] == [None, 10]
    assert rows[1:] == [
        ("carrier.set", "acme", {"rate": [10, 20]}),
        ("carrier.set", "acme", {"secret": "another"}),
        ("stop.set", "sender Shop", {}),
        ("stop.set", "all", {}),
        ("stop.lift", "all", {}),
        ("scheduler.stop", "all", {}),
        ("scheduler.start", "all", {}),
    ]
    assert "sealed" not in str(rows)


def test_a_change_that_is_undone_leaves_no_row_and_rows_are_not_for_the_gateways_role(
    connection: psycopg.Connection[Any],
) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(CARRIER)
    assert written(connection) == []
    connection.execute("INSERT INTO stops VALUES ('all', '', 1)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
        connection.execute("SET LOCAL ROLE sluice_app")
        connection.execute("SELECT FROM audit")
    with connection.transaction():
        connection.execute("SET LOCAL ROLE sluice_app")
        assert len(connection.execute("SELECT action FROM audit_rows(NULL, 10)").fetchall()) == 1


def test_settings_of_operators_and_credits_are_written_down_without_secrets(connection: psycopg.Connection[Any]) -> None:
    connection.execute("INSERT INTO routes (prefix, carriers, price) VALUES ('+49', '{acme}', 700)")
    connection.execute("UPDATE routes SET price = 800")
    connection.execute("UPDATE routes SET price = 800")
    connection.execute("UPDATE tenants SET caps = %s, caps_changed_at = 5", ('{"messages_per_day": 5}',))
    connection.execute("UPDATE tenants SET caps_changed_at = 6")
    connection.execute("INSERT INTO api_keys (id, tenant, name, hash) VALUES ('k1', %s, 'first', 'very-secret')", (TENANT,))
    connection.execute("UPDATE balances SET balance = balance + 50, credited = credited + 50")
    connection.execute("UPDATE balances SET reserved = reserved + 1")
    rows = written(connection)
    assert [(action, subject) for action, subject, _ in rows if action != "tenant.set"] == [
        ("route.add", "+49"),
        ("route.set", "+49"),
        ("key.add", "k1"),
        ("balance.credit", TENANT),
    ]
    assert rows[1][2] == {"price": [700, 800]}
    assert [detail for action, _, detail in rows if action == "tenant.set"] == [{"caps": [{}, {"messages_per_day": 5}]}]
    assert rows[-1][2]["amount"] == 50
    assert "very-secret" not in str(rows)
