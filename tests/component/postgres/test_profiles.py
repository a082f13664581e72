"""Profiles and retry strategies on a real database: made, changed, seeded, removed; and as every role comes to know them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from infra.postgres.admin_error import AdminStoreError
from infra.postgres.admin_store import AdminStore, open_admin_store
from infra.postgres.config_cache import ConfigCache
from infra.postgres.pool import open_pool
from infra.security.api_keys import new_key
from infra.security.keyring import Keyring, create_keyring
from infra.services.stack import Stack
from infra.settings.model import PostgresSettings, Settings
from infra.settings.profiles import ProfileSettings, RetrySettings
from infra.supervisor.seeding import Credentials, prepare_database
from schemas.rules.written_hours import parse_hours
from schemas.values.profile import Profile
from schemas.values.retry_strategy import RetryStrategy
from tests.support.database import fresh_database

pytestmark = pytest.mark.stack

NIGHT = Profile(
    name="night",
    lane="marketing",
    share=0.3,
    validity_seconds=3600,
    quiet_hours=(parse_hours("08:00-20:00 mon-fri Europe/Berlin"),),
    retry=RetryStrategy(attempts=2, ladder=["10s"]),
    tenants=("shop",),
)


@pytest.fixture
def url(services: Stack) -> Iterator[str]:
    with fresh_database(services.postgres) as made:
        yield made


@pytest.fixture
def store(url: str) -> Iterator[AdminStore]:
    with open_admin_store(url) as made:
        yield made


def audited(url: str) -> list[tuple[str, str, dict[str, Any]]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT action, subject, detail FROM audit WHERE action LIKE 'profile.%' ORDER BY number")
        return [(action, subject, detail) for action, subject, detail in rows]


def test_a_profile_is_kept_as_it_was_given_and_every_change_is_audited(store: AdminStore, url: str) -> None:
    store.create_tenant("shop", 0)
    assert store.profiles.set(NIGHT) == NIGHT == store.profiles.profile("night")
    plain = Profile(name="night")
    assert store.profiles.set(plain) == plain and store.profiles.all() == [plain]
    store.profiles.remove("night")
    assert store.profiles.all() == []
    (added, changed, removed) = audited(url)
    assert [(action, subject) for action, subject, _ in (added, changed, removed)] == [
        ("profile.add", "night"),
        ("profile.set", "night"),
        ("profile.remove", "night"),
    ]
    assert (added[2]["share"], changed[2]["share"]) == ([None, 0.3], [0.3, None])


def test_seeding_adds_and_never_overwrites(store: AdminStore) -> None:
    assert store.profiles.seed(NIGHT), "also of a tenant that is made later"
    assert not store.profiles.seed(Profile(name="night")) and store.profiles.profile("night") == NIGHT


def test_what_is_not_there_is_named(store: AdminStore) -> None:
    with pytest.raises(AdminStoreError, match="there is no tenant 'shop'"):
        store.profiles.set(NIGHT)
    for call in (store.profiles.profile, store.profiles.remove):
        with pytest.raises(AdminStoreError, match="there is no profile 'nihgt': see `sluice profile list`"):
            call("nihgt")


async def test_every_role_knows_a_profile_before_the_tenant_and_the_tenant_before_the_default(
    store: AdminStore, url: str
) -> None:
    shop, _ = store.create_tenant("shop", 0)
    pool = await open_pool(url, size=1)
    try:
        config = ConfigCache(pool, Keyring("k1", {"k1": bytes(32)}))
        await config.refresh()
        assert config.profiles == {} and config.retry_strategy(shop, None) is None
        store.set_tenant("shop", retry={"attempts": 7, "never": ["throttled"]})
        store.profiles.set(NIGHT)
        assert await config.refresh()
        known = config.profiles["night"]
        assert (known.share, known.quiet_hours, known.tenants) == (0.3, NIGHT.quiet_hours, (shop,))
        assert known.serves(shop) and not known.serves("another")
        assert config.retry_strategy(shop, None) == RetryStrategy(attempts=7, never=["throttled"])
        assert config.retry_strategy(shop, "night") == RetryStrategy(attempts=2, ladder=["10s"], never=["throttled"])
        assert config.retry_strategy(shop, "removed") == config.retry_strategy(shop, None)
        store.set_tenant("shop", retry={"attempts": None, "never": None})
        assert await config.refresh() and config.retry_strategy(shop, None) is None
    finally:
        await pool.close()


def test_the_gateway_may_read_profiles_and_no_more(store: AdminStore, url: str) -> None:
    store.profiles.seed(NIGHT)
    with psycopg.connect(url) as connection:
        connection.execute("SET ROLE sluice_app")
        assert connection.execute("SELECT name FROM profiles_in_force()").fetchall() == [("night",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT name FROM profiles")


def test_the_file_is_seeded_once_and_what_it_says_otherwise_later_is_told(url: str, tmp_path: Path) -> None:
    create_keyring(tmp_path / "keyring.json")
    settings = Settings(
        data_dir=tmp_path,
        postgres=PostgresSettings(url=SecretStr(url)),
        profiles={"night": ProfileSettings(share=0.3, retry=RetrySettings(attempts=3))},
    )
    credentials = Credentials(new_key()[0], "admin")
    assert prepare_database(settings, credentials) == [] == prepare_database(settings, credentials)
    with open_admin_store(url) as store:
        assert store.profiles.all() == [Profile(name="night", share=0.3, retry=RetryStrategy(attempts=3))]
    other = settings.model_copy(update={"profiles": {"night": ProfileSettings(share=0.5, retry=RetrySettings(attempts=3))}})
    assert prepare_database(other, credentials) == [
        "the profile 'night' stays as it is in the database; share is 0.5 in the file, 0.3 in force; "
        "change it with `sluice profile set night`"
    ]
