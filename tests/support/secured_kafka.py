"""A broker of our own with everything on: SASL over TLS, client certificates, tokens, and one plain listener to look in by.

In: a folder. Out: `SecuredKafka`: addresses, an account for each mechanism, certificates; settings for each way in. The
token endpoint gives tokens that are not signed, which this broker takes. Wrong: a broker that does not start.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from infra.services.kafka import KafkaService
from infra.services.ports import free_port, loopback_in_url
from infra.settings.kafka import KafkaSettings
from tests.support.certificates import Authority, Pair

USER, PASSWORD, CLIENT_SECRET = "sluice", "a word in clear", "known to the provider"
_CLAIM = "unsecuredLoginStringClaim_sub"
_LOGIN = "org.apache.kafka.common.security"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuredKafka:
    """`plain`: where everyone is taken; `secured`: SASL_SSL; `mutual`: SSL with a client's certificate."""

    plain: str
    secured: str
    mutual: str
    authority: Path
    client: Pair
    tokens: str

    def by_password(self, mechanism: str, password: str = PASSWORD) -> KafkaSettings:
        """In with a password."""
        return self._secured(sasl_mechanism=mechanism, sasl_username=USER, sasl_password=password)

    def by_token(self, secret: str = CLIENT_SECRET) -> KafkaSettings:
        """In with a token."""
        return self._secured(
            sasl_mechanism="OAUTHBEARER",
            sasl_oauth_token_url=self.tokens,
            sasl_oauth_client_id=USER,
            sasl_oauth_client_secret=secret,
        )

    def by_certificate(self, pair: Pair) -> KafkaSettings:
        """In with a certificate."""
        return KafkaSettings(
            bootstrap=self.mutual,
            security_protocol="SSL",
            ca_file=self.authority,
            certificate_file=pair.certificate,
            key_file=pair.key,
        )

    def _secured(self, **given: Any) -> KafkaSettings:
        return KafkaSettings.model_validate(
            {"bootstrap": self.secured, "security_protocol": "SASL_SSL", "ca_file": self.authority, **given}
        )


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    """The broker as long as the block lasts."""
    authority, host = Authority(folder, "authority"), loopback_in_url()
    secured, mutual = free_port(), free_port()
    kafka = KafkaService(folder / "kafka", more=_settings(host, secured, mutual, authority, authority.pair("broker")))
    tokens = ThreadingHTTPServer(("127.0.0.1", 0), _Tokens)
    Thread(target=tokens.serve_forever, daemon=True).start()
    try:
        kafka.start()
        _add_user(kafka.address)
        yield SecuredKafka(
            plain=kafka.address,
            secured=f"{host}:{secured}",
            mutual=f"{host}:{mutual}",
            authority=authority.file,
            client=authority.pair("client"),
            tokens=f"http://127.0.0.1:{tokens.server_port}/token",
        )
    finally:
        kafka.stop()
        tokens.shutdown()
        tokens.server_close()


def _settings(host: str, secured: int, mutual: int, authority: Authority, pair: Pair) -> dict[str, str]:
    clients = f"PLAINTEXT://{host}:{{client}},SECURED://{host}:{secured},MUTUAL://{host}:{mutual}"
    listeners = f"{clients},CONTROLLER://{host}:{{controller}}"
    login = "listener.name.secured.{}.sasl.jaas.config"
    return {
        "listeners": listeners,
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURED:SASL_SSL,MUTUAL:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(pair.both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.file),
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.secured.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,OAUTHBEARER",
        login.format("plain"): f'{_LOGIN}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
        login.format("scram-sha-512"): f"{_LOGIN}.scram.ScramLoginModule required;",
        login.format("oauthbearer"): f'{_LOGIN}.oauthbearer.OAuthBearerLoginModule required {_CLAIM}="b";',
    }


def _add_user(plain: str) -> None:
    admin = AdminClient({"bootstrap.servers": plain})
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    for done in admin.alter_user_scram_credentials([UserScramCredentialUpsertion(USER, info, PASSWORD.encode())]).values():
        done.result(30)


class _Tokens(BaseHTTPRequestHandler):
    """The token endpoint of a provider that knows one client."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        account = base64.b64encode(f"{USER}:{CLIENT_SECRET}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {account}":
            self._answer(401, {"error": "invalid_client"})
            return
        now = int(time.time())
        parts = ({"alg": "none"}, {"sub": USER, "scope": "kafka", "iat": now - 1, "exp": now + 600})
        token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        self._answer(200, {"access_token": f"{token}.", "token_type": "Bearer", "expires_in": 600})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test says what it saw."""
