"""The admin store on a real database: seeding adds and never overwrites, changes are in force, faults change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from infra.postgres.admin_error import AdminStoreError
from infra.postgres.admin_store import AdminStore, open_admin_store
from infra.postgres.migrate import upgrade
from infra.security.api_keys import check, key_id, new_key
from infra.security.keyring import Keyring, create_keyring
from infra.security.secrets import open_secret
from infra.services.stack import Stack
from infra.settings.carriers import CarrierSettings, SmppSettings
from infra.settings.model import PostgresSettings, RouteSettings, Settings, SimulatorSettings
from infra.supervisor.seeding import Credentials, kind_settings, prepare_database
from tests.support.database import fresh_database

pytestmark = pytest.mark.stack
RING = Keyring("k1", {"k1": bytes(32)})
ACME = CarrierSettings.model_validate(
    {
        "id": "acme",
        "kind": "smpp",
        "rate": 10,
        "sender_rate": 5,
        "network_rates": {"+4915": 1},
        "smpp": SmppSettings.model_validate({"host": "h", "port": 1, "system_id": "me", "password": "hunter2"}),
    }
)


@pytest.fixture(scope="module")
def url(services: Stack) -> str:
    with psycopg.connect(services.postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE catalog_test")
    found = services.postgres.rpartition("/")[0] + "/catalog_test"
    upgrade(found)
    return found


@pytest.fixture
def store(url: str) -> Iterator[AdminStore]:
    with open_admin_store(url) as store:
        yield store


def seed(store: AdminStore, carrier: CarrierSettings) -> bool:
    return store.seed_carrier(carrier, kind_settings(carrier, SimulatorSettings()), RING)


def test_seeding_a_tenant_never_overwrites(store: AdminStore, url: str) -> None:
    key = new_key()[0]
    assert store.seed_tenant("default", 50_000, key) == key
    store.credit("default", -20_000)
    assert store.seed_tenant("default", 50_000, key) == key
    assert (store.tenant("default")["balance"], store.tenant("default")["available"]) == ("3.0000", "3.0000")
    assert [row["id"] for row in store.keys("default")] == [key_id(key)]
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT hash FROM api_keys WHERE id = %s", (key_id(key),)).fetchone()
    assert row is not None and check(key, row[0])


def test_a_balance_stays_in_its_bounds(store: AdminStore) -> None:
    store.create_tenant("bounds", 50_000)
    with pytest.raises(AdminStoreError, match=r"only 5\.0000 are available"):
        store.credit("bounds", -50_001)
    with pytest.raises(AdminStoreError, match=r"more than 100000000000\.0000"):
        store.credit("bounds", 10**15)
    assert store.credit("bounds", 10**15 - 50_000)["balance"] == "100000000000.0000"
    assert store.credit("bounds", -(10**15))["balance"] == "0.0000"


def test_an_unknown_campaign(store: AdminStore) -> None:
    with pytest.raises(AdminStoreError, match="no campaign 'cmp_nope'"):
        store.know_campaign("cmp_nope")


def test_tenants_and_keys(store: AdminStore) -> None:
    tenant, key = store.create_tenant("acme", 0)
    with pytest.raises(AdminStoreError, match="already"):
        store.create_tenant("acme", 0)
    made = store.create_key("acme", "second")
    assert {row["id"] for row in store.keys(tenant)} == {key_id(key), made["id"]}
    store.revoke_key(made["id"])
    assert [row["revoked_at"] is None for row in store.keys(tenant)] == [True, False]
    changed = store.set_tenant(
        "acme", lanes=["otp"], senders=["Shop"], any_sender=False, balance_short="reject", charge_uncertain=False
    )
    assert (changed["lanes"], changed["senders"], changed["balance_short"], changed["charge_uncertain"]) == (
        ["otp"],
        ["Shop"],
        "reject",
        False,
    )
    back = store.set_tenant(tenant, lanes=None, senders=None, any_sender=True, balance_short=None, charge_uncertain=None)
    assert (back["lanes"], back["senders"]) == (["otp"], None)


def test_carriers(store: AdminStore, url: str) -> None:
    assert seed(store, ACME)
    store.set_carrier("acme", rate=77, binds=3, sender_rates={"SHOP": 0.5, "BANK": 2})
    store.set_carrier("acme", sender_rates={"BANK": None})
    assert not seed(store, ACME)
    assert [store.set_carrier("acme", binds=binds)["one_process"] for binds in (1, 3)] == [False, False], (
        "dispatch says when"
    )
    row = store.carrier("acme")
    assert (row["rate"], row["binds"], row["window"], row["partition"]) == (77, 3, 10, row["number"] % 8)
    assert SmppSettings.from_columns(row["settings"], "hunter2") == ACME.smpp, "the process reads what the file said"
    assert "password" not in row["settings"] and row["settings"]["system_id"] == "me"
    assert (row["sender_rate"], row["sender_rates"], row["network_rates"]) == (5, {"SHOP": 0.5}, {"4915": 1})
    with psycopg.connect(url) as connection:
        stored = connection.execute("SELECT secret_key_id, secret FROM carriers WHERE id = 'acme'").fetchone()
    assert stored is not None
    assert open_secret(RING, stored[0], stored[1], "carrier|acme") == "hunter2"


def test_a_carrier_with_one_bind_begins_with_one_process_and_changes_of_it_are_counted(store: AdminStore, url: str) -> None:
    assert seed(store, ACME.model_copy(update={"id": "single", "binds": 1}))
    assert store.carrier("single")["one_process"] is True
    for binds in (2, 3, 1, 1):
        store.set_carrier("single", binds=binds)
    store.set_carrier("single", rate=5)
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT one_process, binds_turned FROM carriers WHERE id = 'single'").fetchone()
    assert found == (True, 2)


def test_carriers_get_partitions_of_their_own(store: AdminStore) -> None:
    for number in range(6):
        seed(store, ACME.model_copy(update={"id": f"more-{number}"}))
    partitions = [row["partition"] for row in store.carriers()]
    assert len(set(partitions)) == len(partitions)


def test_the_simulator_moves(store: AdminStore) -> None:
    seed(store, CarrierSettings(id="simulator", kind="simulator", rate=1))
    store.move_carrier("simulator", "127.0.0.1", 7777)
    settings = store.carrier("simulator")["settings"]
    assert (settings["port"], settings["system_id"]) == (7777, "sluice")


def test_routes(store: AdminStore) -> None:
    seed(store, ACME)
    assert store.routes.seed(RouteSettings(prefix="+49", carriers=["acme"], price=Decimal("0.07")))
    store.routes.set("+49", ["acme"], 900)
    assert not store.routes.seed(RouteSettings(prefix="+49", carriers=["acme"], price=Decimal("0.07")))
    store.routes.set("+4915", ["acme"], 800)
    assert [row["prefix"] for row in store.routes.all()] == ["+4915", "+49"]
    assert store.routes.find("+4915112345678")["price"] == "0.0800"
    assert store.routes.find("+4930123456")["price"] == "0.0900"
    with pytest.raises(AdminStoreError, match="no route"):
        store.routes.find("+33123456789")
    with pytest.raises(AdminStoreError, match="no carrier 'nobody'"):
        store.routes.set("", ["nobody"], 1)


@pytest.mark.parametrize("what", ["tenant", "carrier", "revoke_key"])
def test_unknown_names(store: AdminStore, what: str) -> None:
    with pytest.raises(AdminStoreError, match="there is no"):
        getattr(store, what)("nobody")


def test_dead_letters_of_an_empty_table(store: AdminStore) -> None:
    assert (store.dead_letters(None, 5), store.dead_letter_stats(), store.sink_offsets()) == ([], [], {})
    with pytest.raises(AdminStoreError, match="0:1"):
        store.dead_letter(0, 1)


def test_the_files_carrier_replaces_what_was_there(store: AdminStore, url: str) -> None:
    first = ACME.model_copy(update={"id": "moved"})
    assert first.smpp is not None
    seed(store, first)
    place = store.carrier("moved")["partition"]
    smpp = first.smpp.model_copy(
        update={"host": "other", "password": SecretStr("new"), "receipt_states": {"SENT_OK": "delivered"}}
    )
    row = store.apply_carrier(first.model_copy(update={"rate": 12}), smpp, RING)
    assert (row["rate"], row["partition"], row["settings"]["host"]) == (12, place, "other")
    assert row["settings"]["receipt_states"] == {"SENT_OK": "delivered"}
    with psycopg.connect(url) as connection:
        stored = connection.execute("SELECT secret_key_id, secret FROM carriers WHERE id = 'moved'").fetchone()
    assert stored is not None and open_secret(RING, stored[0], stored[1], "carrier|moved") == "new"
    assert store.apply_carrier(first.model_copy(update={"id": "unseen"}), smpp, RING)["id"] == "unseen"


def test_what_a_carriers_own_codes_mean_is_shown_and_reaches_the_connection(store: AdminStore) -> None:
    carrier = ACME.model_copy(update={"id": "vendor", "errors": {"0x00000400": "transient", "0x45": "permanent"}})
    assert carrier.of_kind is not None
    shown = store.apply_carrier(carrier, carrier.of_kind, RING)["settings"]
    assert shown["errors"] == {"0x00000400": "transient", "0x45": "permanent"}
    assert SmppSettings.from_columns(shown, "").own_classes == {0x400: "transient", 0x45: "permanent"}


def test_what_the_file_says_otherwise_is_named_with_the_way_out(services: Stack, tmp_path: Path) -> None:
    with fresh_database(services.postgres) as url:
        create_keyring(tmp_path / "keyring.json")
        route = RouteSettings(prefix="", carriers=["acme"], price=Decimal("0.01"))
        settings = Settings(data_dir=tmp_path, carriers=[ACME], routes=[route]).model_copy(
            update={"postgres": PostgresSettings(url=SecretStr(url))}
        )
        credentials = Credentials(new_key()[0], "admin")
        assert prepare_database(settings, credentials) == []
        assert prepare_database(settings, credentials) == [], "the file says what is in force"
        assert ACME.smpp is not None
        smpp = ACME.smpp.model_copy(update={"host": "other", "password": SecretStr("swordfish")})
        changed = {
            "carriers": [ACME.model_copy(update={"rate": 20, "smpp": smpp})],
            "routes": [route.model_copy(update={"price": Decimal("0.02")})],
        }
        assert prepare_database(settings.model_copy(update=changed), credentials) == [
            "the carrier 'acme' stays as it is in the database; rate is 20 in the file, 10 in force, host is 'other' in the "
            "file, 'h' in force, password differs; `sluice carrier apply acme` puts the file's into force",
            "the route '' stays as it is in the database; the file says acme at 0.0200, in force is acme at 0.0100; "
            '`sluice route set "" --carrier acme --price 0.0200` puts the file\'s into force',
        ]
        with open_admin_store(url) as store:
            store.set_carrier("acme", window=77)
        assert prepare_database(settings, credentials) == [], "the file says nothing of the window"


def test_a_cheapest_route_has_its_carriers_in_the_order_of_their_costs(store: AdminStore) -> None:
    dear, cheap, same = names = [f"more-{number}" for number in range(3)]
    for name in names:
        seed(store, ACME.model_copy(update={"id": name}))
    row = store.routes.set("+352", names, 700, "cheapest", [500, 400, 400])
    assert (row["carriers"], row["costs"]) == ([cheap, same, dear], ["0.0400", "0.0400", "0.0500"])
    assert store.routes.set("+352", [dear, cheap], 700, "weighted", (), [3, 1])["weights"] == [3, 1]
    assert store.routes.set("+352", [dear], 700)["strategy"] == "order"


def test_rates_of_senders_and_networks_are_changed_one_by_one(store: AdminStore) -> None:
    seed(store, ACME.model_copy(update={"id": "narrow"}))
    store.set_carrier("narrow", sender_rate=0.2, network_rates={"44": 7})
    row = store.set_carrier("narrow", no_sender_rate=True)
    assert (row["sender_rate"], row["network_rates"]) == (None, {"4915": 1, "44": 7})
    row = store.set_carrier("narrow", sender_rate=5, network_rates={"44": None}, sender_rates={"SHOP": None})
    assert (row["sender_rate"], row["sender_rates"], row["network_rates"]) == (5, {}, {"4915": 1})
    assert "5.0" not in str(row) and "1.0" not in str(row), "whole numbers are shown as such"
    with pytest.raises(TypeError, match="a carrier has no speed"):
        store.set_carrier("narrow", speed=1)
