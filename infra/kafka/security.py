"""Where Kafka is and how one is let in: the only place that makes it into options, for either client.

In: `KafkaSettings`, or an address alone (of a broker that takes everyone). Out: what librdkafka and what aiokafka are told.
Wrong: certificates that cannot be used: `SecurityFilesError`. No secret is logged; librdkafka and aiokafka log none either.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr

from infra.kafka.oauth_tokens import OauthTokens
from infra.settings.kafka import KafkaSettings

Cluster = KafkaSettings | str
"""Settings wherever they are at hand; an address is enough for a broker of our own."""
Value = str | int | float | bool


class SecurityFilesError(ValueError):
    """The certificates of the settings cannot be used; the message names the settings."""


def addresses(cluster: Cluster) -> str:
    """host:port, several with commas between them; empty when none is known."""
    return cluster if isinstance(cluster, str) else cluster.bootstrap or ""


def librdkafka_options(cluster: Cluster) -> dict[str, Value]:
    """Address and access as `confluent_kafka` takes them."""
    out: dict[str, Value] = {"bootstrap.servers": addresses(cluster)}
    if isinstance(cluster, str) or cluster.security_protocol == "PLAINTEXT":
        return out
    given = {name: getattr(cluster, field) for name, field in _OF_LIBRDKAFKA.items()}
    out.update({name: _text(value) for name, value in given.items() if value is not None})
    if cluster.sasl_mechanism == "OAUTHBEARER":
        out["sasl.oauthbearer.method"] = "oidc"
    return out


def aiokafka_options(cluster: Cluster) -> dict[str, Any]:
    """Address and access as `aiokafka` takes them."""
    out: dict[str, Any] = {"bootstrap_servers": addresses(cluster)}
    if isinstance(cluster, str) or cluster.security_protocol == "PLAINTEXT":
        return out
    out["security_protocol"] = cluster.security_protocol
    if cluster.has_tls:
        out["ssl_context"] = tls_context(cluster)
    if cluster.sasl_mechanism is not None:
        out["sasl_mechanism"] = cluster.sasl_mechanism
        if cluster.sasl_mechanism == "OAUTHBEARER":
            out["sasl_oauth_token_provider"] = OauthTokens(
                cluster.sasl_oauth_token_url or "",
                cluster.sasl_oauth_client_id or "",
                _text(cluster.sasl_oauth_client_secret or ""),
                cluster.sasl_oauth_scope,
            )
        else:
            out["sasl_plain_username"] = cluster.sasl_username
            out["sasl_plain_password"] = _text(cluster.sasl_password or "")
    return out


def tls_context(kafka: KafkaSettings) -> ssl.SSLContext:
    """Who is believed, and who we are. Raises SecurityFilesError."""
    try:
        context = ssl.create_default_context(cafile=kafka.ca_file)
    except (ssl.SSLError, OSError) as fault:
        raise SecurityFilesError(f"kafka.ca_file {kafka.ca_file} is no PEM of certificates: {_cause(fault)}") from fault
    if kafka.certificate_file is not None:
        # Trap: without a password of ours, OpenSSL would ask the terminal for that of a locked key.
        password = _text(kafka.key_password or "")
        try:
            context.load_cert_chain(kafka.certificate_file, kafka.key_file, password)
        except (ssl.SSLError, OSError, ValueError) as fault:
            raise SecurityFilesError(
                "kafka.certificate_file and kafka.key_file are no pair of PEM files that kafka.key_password opens: "
                f"{_cause(fault)}"
            ) from fault
    return context


_OF_LIBRDKAFKA: Mapping[str, str] = MappingProxyType(
    {
        "security.protocol": "security_protocol",
        "sasl.mechanism": "sasl_mechanism",
        "sasl.username": "sasl_username",
        "sasl.password": "sasl_password",
        "sasl.oauthbearer.token.endpoint.url": "sasl_oauth_token_url",
        "sasl.oauthbearer.client.id": "sasl_oauth_client_id",
        "sasl.oauthbearer.client.secret": "sasl_oauth_client_secret",
        "sasl.oauthbearer.scope": "sasl_oauth_scope",
        "ssl.ca.location": "ca_file",
        "ssl.certificate.location": "certificate_file",
        "ssl.key.location": "key_file",
        "ssl.key.password": "key_password",
    }
)


def _text(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _cause(fault: Exception) -> str:
    return getattr(fault, "reason", None) or getattr(fault, "strerror", None) or str(fault)
