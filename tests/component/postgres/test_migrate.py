"""Migrations: from nothing to the present and back, by a superuser or an ordinary owner, two at a time, checked.

In: empty databases. Out: the same shape each time.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from array import array
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from infra.postgres import migrate
from infra.services.stack import Stack
from schemas.records.ref_page import RefPage
from tests.support.database import fresh_database
from tests.support.ref_pages import store_page

TABLES = (
    "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
    "AND relname NOT LIKE '%yoyo%'"
)


PASSED_OVER = (
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",  # positions, partitions, send numbers: small by nature
    "require-lock-timeout",
    "require-statement-timeout",  # every migration runs with the lock_timeout of migrate.py
)


def tables(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(TABLES).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.stack
def test_up_again_down_and_up(services: Stack) -> None:
    with fresh_database(services.postgres, migrated=False) as url:
        assert migrate.status(url).applied == () and migrate.status(url).pending[0] == "0001_first"
        applied = migrate.upgrade(url)
        assert applied and migrate.upgrade(url) == () and migrate.status(url).pending == ()
        present = tables(url)
        assert migrate.rollback(url) == tuple(reversed(applied)) and tables(url) == 0
        assert migrate.upgrade(url) == applied and tables(url) == present


@pytest.mark.stack
def test_a_migration_does_not_wait_for_ever_for_a_lock(services: Stack) -> None:
    with fresh_database(services.postgres, migrated=False) as url:
        migrate.upgrade(url)
        with psycopg.connect(url) as busy:
            busy.execute("LOCK TABLE chunks")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                migrate.rollback(url)
        # Each is a transaction of its own: those that need no such lock are undone, the one that does is whole.
        assert migrate.status(url).applied == ("0001_first",) and tables(url) > 0


@pytest.mark.stack
def test_two_at_a_time_apply_everything_once(services: Stack) -> None:
    with fresh_database(services.postgres, migrated=False) as url, ThreadPoolExecutor(2) as pool:
        done = list(pool.map(migrate.upgrade, [url, url]))
        assert sorted(map(len, done))[0] == 0 and sum(map(len, done)) >= 1


@pytest.mark.stack
def test_an_ordinary_owner_can_migrate_and_become_the_app(services: Stack) -> None:
    owner = f"owner_{secrets.token_hex(4)}"
    with fresh_database(services.postgres, migrated=False) as url:
        parts = urlsplit(url)
        with psycopg.connect(url, autocommit=True) as connection:
            name = sql.Identifier(owner)
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD 'secret'").format(name))
            connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(parts.path[1:]), name))
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'sluice_app'").fetchone():
                connection.execute(sql.SQL("GRANT sluice_app TO {}").format(name))
        theirs = urlunsplit(parts._replace(netloc=f"{owner}:secret@{parts.hostname}:{parts.port}"))
        assert migrate.upgrade(theirs)
        with psycopg.connect(theirs) as connection:
            connection.execute("INSERT INTO tenants (id, name) VALUES (gen_random_uuid(), 'one')")
            assert connection.execute("SELECT count(*) FROM tenants").fetchone() == (1,)
            connection.execute("SET ROLE sluice_app")
            assert connection.execute("SELECT count(*) FROM tenants").fetchone() == (0,)


def test_squawk_finds_nothing_unsafe() -> None:
    folder = Path(str(files("infra.postgres.migrations")))
    found = subprocess.run(
        [
            Path(sys.executable).with_name("squawk"),
            "--assume-in-transaction",
            "--pg-version",
            "15.0",
            "--exclude",
            ",".join(PASSED_OVER),
            # The rollback drops what the migration made: that is what it is for.
            "--exclude-path",
            "*.rollback.sql",
            *sorted(folder.glob("[0-9]*.sql")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout


@pytest.mark.stack
def test_what_rests_in_sent_already_is_awaited_after_the_update(services: Stack) -> None:
    with fresh_database(services.postgres) as url, psycopg.connect(url) as connection:
        folder = files("infra.postgres.migrations")
        connection.execute((folder / "0002_awaited_receipts.rollback.sql").read_text())
        connection.execute(
            "INSERT INTO chunks (tenant, chunk, part, size, lane, sequences, reasons, seconds, carriers, segments, price, "
            "updated_at) VALUES ('11111111-1111-4111-8111-111111111111', 'c', 0, 6, 'otp', '{25,41,25,1048588,26,25}', "
            "'{0,0,104,0,60,0}', '{70,60,5,5,5,5}', '{3,3,3,3,3,0}', '{1,1,1,1,1,1}', 700, 0)"
        )
        connection.execute((folder / "0002_awaited_receipts.sql").read_text())
        assert connection.execute("SELECT chunk, carrier, since, lease_until FROM awaited_receipts").fetchall() == [
            ("c", 3, 60, 0)
        ]


@pytest.mark.stack
def test_what_carriers_ids_stand_for_is_kept_when_pages_are_given_up(services: Stack) -> None:
    key, hashed = -(1 << 63), (1 << 63) - 2
    with fresh_database(services.postgres) as url:
        page = RefPage(array("q", [5, key]), array("q", [-7, hashed]), array("H", [0, 499]), array("B", [1, 255]))
        number = store_page(url, "11111111-1111-4111-8111-111111111111", "chk", page.pack())
        with psycopg.connect(url) as connection:
            connection.execute((files("infra.postgres.migrations") / "0008_ref_pages.rollback.sql").read_text())
            assert connection.execute(
                "SELECT m.*, b.tenant::text, b.chunk, b.send, b.carrier, b.at FROM message_refs m "
                "JOIN ref_blocks b ON b.number = m.block ORDER BY m.position"
            ).fetchall() == [
                (5, -7, number, 0, 1, "11111111-1111-4111-8111-111111111111", "chk", 2, "acme", 1),
                (key, hashed, number, 499, 255, "11111111-1111-4111-8111-111111111111", "chk", 2, "acme", 1),
            ]
