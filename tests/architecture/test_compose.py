"""`docker-compose.yml` against its specification and against the product: valid, complete, scalable, closed.

In: the file. Out: nothing. Wrong: a role without a service, a fixed name that forbids scaling, a port open to the world.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from infra.deploy.secrets import make_secrets
from infra.security.keyring import load_keyring
from infra.settings.load import load_settings
from infra.supervisor.roles import ROLES

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
NOT_ROLES = {"kafka", "postgres", "redis", "secrets", "setup"}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = YAML(typ="safe").load(COMPOSE)["services"]
    return found


def test_it_follows_the_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout


def test_every_role_has_one_service(services: dict[str, dict[str, Any]]) -> None:
    expected = {row.name: ["run", row.role, *(["--pool", row.pool] if row.pool else [])] for row in ROLES}
    assert {name: services[name]["command"] for name in services.keys() - NOT_ROLES} == expected


def test_roles_can_be_scaled(services: dict[str, dict[str, Any]]) -> None:
    assert [name for name, service in services.items() if {"container_name", "hostname"} & service.keys()] == []
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert list(published) == ["gateway"]
    (port,) = published["gateway"]
    assert (port["host_ip"], port["target"]) == ("127.0.0.1", 8080)
    assert "-" in port["published"]


def test_all_that_stays_is_watched(services: dict[str, dict[str, Any]]) -> None:
    once = {"secrets", "setup"}
    assert {name for name, service in services.items() if "test" not in service.get("healthcheck", {})} == once


def test_the_settings_are_known_and_no_secret_stands_in_them(services: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    make_secrets(tmp_path, tmp_path)
    for name in services.keys() - NOT_ROLES:
        environment = {
            key: str(value).replace("/secrets", str(tmp_path)) for key, value in services[name]["environment"].items()
        }
        settings = load_settings(environment=environment, default_file=None).settings
        assert settings.postgres.url is not None
        assert settings.postgres.url.get_secret_value() == (tmp_path / "postgres_url").read_text()
        assert settings.kafka.bootstrap == "kafka:9092"


def test_secrets_are_made_once_and_closed(tmp_path: Path) -> None:
    make_secrets(tmp_path, tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    files = make_secrets(tmp_path, tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert [file.stat().st_mode & 0o077 for file in files] == [0, 0, 0]
    assert (tmp_path / "password").read_text() in (tmp_path / "postgres_url").read_text()
    assert load_keyring(tmp_path / "keyring.json").current
