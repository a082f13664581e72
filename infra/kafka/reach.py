"""Whether a Kafka lets us in, and in words of people why not.

In: the settings. Out: what the cluster says of itself. Wrong: `KafkaUnreachable` with the setting that is to be mended: a
password, an authority that is not known, a listener that speaks something else. Otherwise a client would only say that the
question timed out, for librdkafka tries again for ever and tells its cause on the side.
"""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from infra.kafka.client import make_admin
from infra.kafka.security import Cluster, SecurityFilesError, addresses, tls_context
from infra.runtime.refusal import Refusal

SECONDS = 3.0
SLICE_SECONDS = 0.3
MANY = 4
AWAY = "start the stack with `sluice up`; if it runs, see DATA/logs/kafka.log; or set SLUICE_KAFKA__BOOTSTRAP"
Told = tuple[int | None, str]


class KafkaUnreachable(Refusal):
    """Kafka does not let us in (`refused`), or is not there."""

    def __init__(self, problem: str, next_step: str, *, refused: bool = True) -> None:
        super().__init__(problem, next_step)
        self.refused = refused


def reach(cluster: Cluster, seconds: float = SECONDS) -> Any:
    """The metadata of the cluster. Raises KafkaUnreachable, as soon as a cause is known."""
    told: list[Told] = []
    try:
        if not isinstance(cluster, str) and cluster.has_tls:
            tls_context(cluster)
        admin = make_admin(cluster, lambda code, words: told.append((code, words)))
    except (SecurityFilesError, KafkaException) as fault:
        raise KafkaUnreachable(_words(fault), "give PEM files that belong together") from fault
    until = time.monotonic() + seconds
    while True:
        try:
            return admin.list_topics(timeout=SLICE_SECONDS)
        except KafkaException as fault:
            admin.poll(0)
            refusal = _refusal(cluster, told)
            if refusal is not None:
                raise refusal from fault
            if time.monotonic() >= until:
                raise KafkaUnreachable(f"Kafka does not answer: {_words(fault)}", AWAY, refused=False) from fault


def _refusal(cluster: Cluster, told: list[Told]) -> KafkaUnreachable | None:
    """What the client told that names a cause."""
    protocol = "PLAINTEXT" if isinstance(cluster, str) else cluster.security_protocol
    listener = f"kafka.security_protocol is {protocol}; set what the listener at {addresses(cluster)} speaks"
    for code, words in told:
        if code == KafkaError._AUTHENTICATION:
            return KafkaUnreachable(f"Kafka refuses us: {words}", _account(cluster))
        if "alert" in words and "certificate" in words:
            return KafkaUnreachable(f"Kafka does not take our certificate: {words}", _certificate(cluster))
        if code == KafkaError._SSL and "verif" in words:
            return KafkaUnreachable(
                f"Kafka's certificate is not believed: {words}",
                "set kafka.ca_file to the authority that signed it; kafka.bootstrap must be a name that stands in it",
            )
        if code == KafkaError._SSL or "broker listener" in words:
            return KafkaUnreachable(f"Kafka does not understand us: {words}", listener)
    # A listener with TLS hangs up on whoever comes without, again and again; one that is starting or ending, once.
    hung_up = [words for _, words in told if "Disconnected" in words and "APIVERSION_QUERY" in words]
    return KafkaUnreachable(f"Kafka hangs up: {hung_up[0]}", listener) if len(hung_up) >= MANY else None


def _certificate(cluster: Cluster) -> str:
    if isinstance(cluster, str) or cluster.certificate_file is None:
        return "set kafka.certificate_file and kafka.key_file to a pair that the broker believes"
    return "set kafka.certificate_file and kafka.key_file to a pair of an authority that the broker believes"


def _account(cluster: Cluster) -> str:
    if not isinstance(cluster, str) and cluster.sasl_mechanism == "OAUTHBEARER":
        return "set kafka.sasl_oauth_token_url, kafka.sasl_oauth_client_id and its secret as the provider has them"
    mechanism = "" if isinstance(cluster, str) else f" ({cluster.sasl_mechanism})"
    return f"set kafka.sasl_username, kafka.sasl_password and kafka.sasl_mechanism{mechanism} as the broker has them"


def _words(fault: Exception) -> str:
    return str(fault.args[0].str()) if isinstance(fault, KafkaException) else str(fault)
