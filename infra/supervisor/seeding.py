"""What a fresh stack needs before its roles start: keyring, keys, topics, tables, a tenant, carriers, routes, profiles.

In: settings with the addresses of the services, the data folder. Out: `Credentials`; everything made that was missing,
nothing changed that was there; where the file says otherwise, sentences about that. Wrong: `Refusal`, `TopicError`,
`AdminStoreError`, or what PostgreSQL says.
"""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from pydantic import SecretStr

from infra.security.api_keys import new_key
from infra.security.keyring import create_keyring, load_keyring
from infra.settings.carriers import CarrierSettings, KindSettings, SmppSettings
from infra.settings.model import RouteSettings, Settings, SimulatorSettings
from infra.supervisor.data_folder import DataFolder
from infra.supervisor.passed_over import carrier_passed_over, profile_passed_over, route_passed_over

if TYPE_CHECKING:
    from infra.postgres.admin_store import AdminStore

TENANT = "default"
FIRST_BALANCE = 1_000_000 * 10_000
SIMULATOR = CarrierSettings(id="simulator", kind="simulator", rate=5000, window=500)
SIMULATOR_ROUTE = RouteSettings(prefix="", carriers=["simulator"], price=Decimal("0.0100"))
SIMULATOR_ACCOUNT = ("sluice", "simulator")


class Credentials(NamedTuple):
    """The tenant's first key and the operator's."""

    api_key: str
    admin_key: str


def prepare_credentials(folder: DataFolder, settings: Settings) -> Credentials:
    """The keys of this folder, made on the first call. Written before they are used: a crash loses none."""
    if settings.keyring is None:
        create_keyring(settings.keyring_path)
    known = folder.read(folder.credentials_file)
    given = settings.admin_key.get_secret_value() if settings.admin_key else None
    credentials = Credentials(
        str(known.get("api_key") or new_key()[0]), given or str(known.get("admin_key") or f"admin_{secrets.token_hex(32)}")
    )
    if known != credentials._asdict():
        folder.write(folder.credentials_file, credentials._asdict())
    return credentials


def wants_simulator(settings: Settings) -> bool:
    """Whether a simulated carrier belongs to this stack."""
    return not settings.carriers or any(carrier.kind == "simulator" for carrier in settings.carriers)


def prepare_topics(settings: Settings) -> list[str]:
    """Topics and the first offsets of groups."""
    from infra.kafka.topic_admin import apply, compression_of

    return apply(settings.kafka, settings.kafka.replication, compression_of(settings.kafka))


def prepare_database(settings: Settings, credentials: Credentials) -> list[str]:
    """Tables, then the rows that are missing; what the file says otherwise than rows that were there, as sentences."""
    from infra.postgres.admin_store import open_admin_store
    from infra.postgres.migrate import upgrade

    url = secret(settings.postgres.url)
    upgrade(url)
    keyring = load_keyring(settings.keyring_path)
    carriers = settings.carriers or [SIMULATOR]
    routes = settings.routes or ([] if settings.carriers else [SIMULATOR_ROUTE])
    passed_over: list[str | None] = []
    with open_admin_store(url) as store:
        store.seed_tenant(TENANT, FIRST_BALANCE, credentials.api_key)
        for carrier in carriers:
            if not store.seed_carrier(carrier, kind_settings(carrier, settings.simulator), keyring):
                present, password = store.carrier(carrier.id), store.carrier_secret(carrier.id, keyring)
                passed_over.append(carrier_passed_over(carrier, present, password))
            if carrier.kind == "simulator":
                store.move_carrier(carrier.id, settings.simulator.host, settings.simulator.port)
        known = [route for route in routes if not store.routes.seed(route)]
        in_force = {row["prefix"]: row for row in store.routes.all()}
        passed_over += [route_passed_over(route, in_force[route.prefix]) for route in known]
        told = _seed_profiles(store, settings)
    # What nobody wrote into a file is no wish.
    return [sentence for sentence in passed_over if sentence and settings.carriers] + told


def _seed_profiles(store: AdminStore, settings: Settings) -> list[str]:
    wanted = [one.profile(name) for name, one in settings.profiles.items()]
    passed_over = [
        profile_passed_over(one, store.profiles.profile(one.name)) for one in wanted if not store.profiles.seed(one)
    ]
    return [sentence for sentence in passed_over if sentence]


def kind_settings(carrier: CarrierSettings, simulator: SimulatorSettings) -> KindSettings:
    """What this carrier's kind is told; of a simulated one where the simulator listens."""
    name, password = SIMULATOR_ACCOUNT
    return carrier.of_kind or carrier.with_errors(
        SmppSettings(host=simulator.host, port=simulator.port, system_id=name, password=SecretStr(password))
    )


def secret(value: SecretStr | None) -> str:
    """The text of a secret; empty when there is none."""
    return "" if value is None else value.get_secret_value()
