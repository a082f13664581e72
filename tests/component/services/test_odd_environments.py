"""What others put into the environment, and odd places, do not reach our programs."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.services import jars, ports
from infra.services.errors import ServiceError
from infra.services.java import Java
from infra.services.kafka import KafkaService
from infra.services.leftovers import started
from infra.services.postgres import PostgresService
from infra.services.redis import RedisService
from infra.settings.environment import for_java, forget_others
from infra.settings.load import load_settings


def test_variables_of_postgresqls_clients_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOSTADDR", "PGSSLMODE", "PGPASSWORD"):
        monkeypatch.setenv(name, "another")
    monkeypatch.setenv("PGX_OTHER", "stays")
    forget_others()
    assert not {"PGHOSTADDR", "PGSSLMODE", "PGPASSWORD"} & set(os.environ)
    assert os.environ["PGX_OTHER"] == "stays"


def test_a_java_gets_no_options_of_others_and_a_locale_that_names_every_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xbogus")
    monkeypatch.setenv("CLASSPATH", "/nowhere")
    monkeypatch.setenv("LC_ALL", "C")
    found = for_java()
    assert not {"JAVA_TOOL_OPTIONS", "CLASSPATH"} & set(found)
    assert (found["LC_ALL"], found["PATH"]) == ("C.UTF-8", os.environ["PATH"])


@pytest.mark.parametrize("name", ["plain", "dätä", "a b", "a,b", "100%", "back\\u0041", "{x}", 'q"q', "x" * 201])
def test_kafka_is_told_a_folder_that_java_cannot_misread(name: str, tmp_path: Path) -> None:
    data = tmp_path / name
    data.mkdir()
    kafka = KafkaService(data)
    kafka._java = Java(path=Path("/bin/java"), version=17, build="17")
    try:
        command = kafka.command(1)
        told = command.argv[-1].removesuffix("/server.properties")
        assert (told == str(data)) == (name == "plain")
        assert Path(told).samefile(data)
        properties = (data / "server.properties").read_text(encoding="latin-1").splitlines()
        assert f"log.dirs={told}/logs" in properties
        assert [f"/proc/self/fd/{number}" for number in command.keep_fds] == ([] if name == "plain" else [told])
    finally:
        kafka.release()


def test_postgresql_is_passed_a_folder_open_whose_path_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.services.postgres.unprivileged_user", lambda _: None)
    data = tmp_path.joinpath(*["x" * 200] * 3)
    (data / "cluster").mkdir(parents=True)
    postgres = PostgresService(data)
    try:
        place = postgres.command(1).argv[2]
        assert place.startswith("/proc/self/fd/")
        assert Path(place).samefile(data / "cluster")
    finally:
        postgres.release()


def test_a_cache_folder_that_java_cannot_be_told_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="SLUICE_CACHE_DIR"):
        jars.kafka_jars(tmp_path / "a:b")


def test_a_process_may_have_any_name() -> None:
    own = Path("/proc/self/comm").read_bytes()
    Path("/proc/self/comm").write_bytes(b"\xff\xe4)")
    try:
        assert started(os.getpid()) is not None
    finally:
        Path("/proc/self/comm").write_bytes(own.strip())


@pytest.mark.parametrize("address", ["[::1]:9092", "[::1]:9092,[FE80::1%eth0]:9093,k:1"])
def test_brokers_may_have_ipv6_addresses(address: str) -> None:
    settings = load_settings({"kafka.bootstrap": address}, default_file=None, environment={}).settings
    assert settings.kafka.bootstrap == address


def test_services_listen_on_ipv6_where_there_is_no_other_loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binding_fault = ports._binding_fault
    gone = OSError(errno.EADDRNOTAVAIL, "no such address")
    monkeypatch.setattr(
        ports, "_binding_fault", lambda family, address: gone if family == socket.AF_INET else binding_fault(family, address)
    )
    ports.loopback.cache_clear()
    try:
        assert (ports.loopback(), ports.loopback_in_url()) == ("::1", "[::1]")
        assert ports.is_free(ports._ephemeral_port()) and ports.is_free(ports.free_port())
        assert KafkaService(tmp_path).address_on(7) == "[::1]:7"
        redis = RedisService(tmp_path)
        redis.prepare()
        assert urlsplit(redis.address_on(7)).hostname == "::1" and "::1" in redis.command(7).argv
    finally:
        ports.loopback.cache_clear()
    monkeypatch.undo()
    assert ports.loopback() == "127.0.0.1"
