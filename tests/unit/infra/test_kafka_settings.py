"""How one is let into Kafka: what goes together, what each client is told, and where secrets may stand."""

from __future__ import annotations

import json
import re
import ssl
from pathlib import Path

import pytest

from infra.kafka.oauth_tokens import OauthTokens
from infra.kafka.security import SecurityFilesError, aiokafka_options, librdkafka_options, tls_context
from infra.settings.kafka import ACCESS, ACCESS_FIELDS, KafkaSettings
from infra.settings.load import as_variables, load_settings
from infra.settings.model import Settings, SettingsError
from streams.faust_credentials import broker_settings
from tests.support.certificates import Authority
from tests.support.source import text

SCRAM = {
    "SLUICE_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
    "SLUICE_KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
    "SLUICE_KAFKA__SASL_USERNAME": "sluice",
    "SLUICE_KAFKA__SASL_PASSWORD": "a word",
}
OAUTH = {
    "SLUICE_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "SLUICE_KAFKA__SASL_MECHANISM": "OAUTHBEARER",
    "SLUICE_KAFKA__SASL_OAUTH_TOKEN_URL": "https://provider/token",
    "SLUICE_KAFKA__SASL_OAUTH_CLIENT_ID": "sluice",
    "SLUICE_KAFKA__SASL_OAUTH_CLIENT_SECRET": "a secret",
}


def kafka(given: dict[str, str]) -> KafkaSettings:
    return load_settings(default_file=None, environment=given).settings.kafka


def faults(given: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        kafka(given)
    return caught.value.faults


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({"SASL_PASSWORD": "w"}, "SASL_PASSWORD", "no use with security_protocol PLAINTEXT"),
        ({"SECURITY_PROTOCOL": "SSL", "SASL_MECHANISM": "PLAIN"}, "SASL_MECHANISM", "no use with security_protocol SSL"),
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, "sasl_mechanism", "is missing"),
        ({"SECURITY_PROTOCOL": "ssl"}, "SECURITY_PROTOCOL", "should be 'PLAINTEXT', 'SSL'"),
        ({"CA_FILE": __file__}, "CA_FILE", "set that to SSL or SASL_SSL"),
        ({"SECURITY_PROTOCOL": "SSL", "CA_FILE": "/nowhere/ca.pem"}, "CA_FILE", "/nowhere/ca.pem cannot be read"),
        ({"SECURITY_PROTOCOL": "SSL", "CERTIFICATE_FILE": __file__}, "key_file", "is missing"),
        ({"SECURITY_PROTOCOL": "SSL", "KEY_FILE": __file__}, "KEY_FILE", "no use without certificate_file"),
        ({"SECURITY_PROTOCOL": "SSL", "KEY_PASSWORD": "w"}, "KEY_PASSWORD", "no use without key_file"),
    ],
)
def test_what_does_not_go_together_is_named(given: dict[str, str], place: str, words: str) -> None:
    [fault] = faults({f"SLUICE_KAFKA__{name}": value for name, value in given.items()})
    assert f"{place}: " in fault and words in fault


def test_all_that_a_mechanism_lacks_is_named_at_once() -> None:
    lacks = faults({"SLUICE_KAFKA__SECURITY_PROTOCOL": "SASL_SSL", "SLUICE_KAFKA__SASL_MECHANISM": "PLAIN"})
    assert [fault.split(": ")[1] for fault in lacks] == ["kafka.sasl_username", "kafka.sasl_password"]
    lacks = faults({**OAUTH, "SLUICE_KAFKA__SASL_OAUTH_TOKEN_URL": "", "SLUICE_KAFKA__SASL_USERNAME": "u"})
    assert len(lacks) == 2 and "SASL_USERNAME" in lacks[0] and "sasl_oauth_token_url: is missing" in lacks[1]
    [fault] = faults({**OAUTH, "SLUICE_KAFKA__SASL_OAUTH_TOKEN_URL": "provider/token"})
    assert "begins with https://" in fault


def test_a_password_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("a word\n")
    given = {**SCRAM, "SLUICE_KAFKA__SASL_PASSWORD": "", "SLUICE_KAFKA__SASL_PASSWORD_FILE": str(tmp_path / "word")}
    assert kafka(given) == kafka(SCRAM)


@pytest.mark.parametrize("given", [SCRAM, OAUTH])
def test_secrets_reach_children_and_stand_in_no_words(given: dict[str, str]) -> None:
    settings = Settings(kafka=kafka(given))
    assert as_variables(settings) == given
    assert "a word" not in repr(settings) and "a secret" not in repr(settings)


def test_every_client_is_told_the_same() -> None:
    assert librdkafka_options("h:1") == {"bootstrap.servers": "h:1"}
    assert aiokafka_options("h:1") == {"bootstrap_servers": "h:1"}
    assert broker_settings("h:1,i:2") == {"broker": ["kafka://h:1", "kafka://i:2"], "broker_credentials": None}
    settings = kafka({**SCRAM, "SLUICE_KAFKA__BOOTSTRAP": "h:1"})
    told = librdkafka_options(settings)
    assert told == {
        "bootstrap.servers": "h:1",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "sluice",
        "sasl.password": "a word",
    }
    also = aiokafka_options(settings)
    assert (also["security_protocol"], also["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (also["sasl_plain_username"], also["sasl_plain_password"]) == ("sluice", "a word")
    assert also["ssl_context"].verify_mode is ssl.CERT_REQUIRED and also["ssl_context"].check_hostname
    assert "a word" not in repr(broker_settings(settings))


def test_tokens_are_asked_of_the_same_endpoint() -> None:
    told = librdkafka_options(kafka(OAUTH))
    assert (told["sasl.oauthbearer.method"], told["sasl.oauthbearer.token.endpoint.url"]) == (
        "oidc",
        "https://provider/token",
    )
    assert isinstance(aiokafka_options(kafka(OAUTH))["sasl_oauth_token_provider"], OauthTokens)


def test_certificates_that_cannot_be_used_are_named_by_their_setting(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path, "authority"), Authority(tmp_path, "other")
    pair, foreign = authority.pair("client"), other.pair("foreign")
    files = {"security_protocol": "SSL", "ca_file": authority.file, "certificate_file": pair.certificate}
    good = KafkaSettings.model_validate({**files, "key_file": pair.key})
    assert tls_context(good).cert_store_stats()["x509_ca"] == 1
    with pytest.raises(SecurityFilesError, match=r"kafka\.key_file"):
        tls_context(good.model_copy(update={"key_file": foreign.key}))
    with pytest.raises(SecurityFilesError, match=r"kafka\.ca_file"):
        tls_context(good.model_copy(update={"ca_file": pair.key}))


def test_a_stack_tells_the_command_line_how_to_get_in(tmp_path: Path) -> None:
    access = kafka(SCRAM).access
    (tmp_path / "stack.json").write_text(json.dumps({"kafka": "stack:1", ACCESS: access}))

    def seen(**given: str) -> KafkaSettings:
        variables = {f"SLUICE_KAFKA__{name.upper()}": value for name, value in given.items()}
        return load_settings(
            {"data_dir": tmp_path}, with_stack=True, default_file=None, environment=variables
        ).settings.kafka

    assert seen() == kafka({**SCRAM, "SLUICE_KAFKA__BOOTSTRAP": "stack:1"}) == seen(bootstrap="stack:1")
    assert seen(bootstrap="other:1").access == {}, "a password is for the Kafka it was given for"
    assert seen(security_protocol="SSL").access == {"security_protocol": "SSL"}
    assert set(access) < set(ACCESS_FIELDS) and KafkaSettings().access == {}


async def test_a_token_is_kept_for_most_of_its_life() -> None:
    now, fetched = [0.0], iter(("first", "second"))

    class Provider(OauthTokens):
        def _fetch(self) -> tuple[str, float]:
            return next(fetched), 100.0

    tokens = Provider("http://provider", "c", "s", None, clock=lambda: now[0])
    assert [await tokens.token(), await tokens.token()] == ["first", "first"]
    now[0] = 81.0
    assert await tokens.token() == "second"


def test_the_examples_of_the_guide_can_be_used(tmp_path: Path) -> None:
    page = text(Path("docs/operations.md")).partition("## Your own Kafka, PostgreSQL and Redis")[2].partition("\n## ")[0]
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    for name in re.findall(r"/etc/sluice/([\w.-]+)", page):
        (tmp_path / name).write_text("a word")
    for example in examples:
        file = tmp_path / "sluice.toml"
        file.write_text(example.replace("/etc/sluice", str(tmp_path)))
        assert load_settings(config=file, environment={}).places
    assert len(examples) == 5
