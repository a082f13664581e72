"""Whether a Kafka lets us in, and in words of people why not.

In: the settings. Out: what the cluster says of itself. Wrong: `KafkaUnreachable` with the setting that is to be mended: a
password, an authority that is not known, a listener that speaks something else. Otherwise a client would only say that the
question timed out, for librdkafka tries again for ever and tells its cause on the side.
"""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaError, KafkaException

from infra.kafka.client import make_admin
from infra.kafka.security import Cluster, SecurityFilesError, addresses, tls_context
from infra.runtime.refusal import Refusal

SECONDS = 3.0


class KafkaUnreachable(Refusal):
    """Kafka does not let us in, or is not there."""


def reach(cluster: Cluster, seconds: float = SECONDS) -> Any:
    """The metadata of the cluster. Raises KafkaUnreachable."""
    told: list[Any] = []
    try:
        if not isinstance(cluster, str) and cluster.has_tls:
            tls_context(cluster)
        admin = make_admin(cluster, on_error=told.append)
    except (SecurityFilesError, KafkaException) as fault:
        raise KafkaUnreachable(_words(fault), "give PEM files that belong together") from fault
    try:
        return admin.list_topics(timeout=seconds)
    except KafkaException as fault:
        admin.poll(0)
        raise _unreachable(cluster, [*told, fault.args[0]]) from fault


def _unreachable(cluster: Cluster, told: list[Any]) -> KafkaUnreachable:
    """The first that names a cause, else the last."""
    protocol = "PLAINTEXT" if isinstance(cluster, str) else cluster.security_protocol
    listener = f"kafka.security_protocol is {protocol}; set what the listener at {addresses(cluster)} speaks"
    for error in told:
        words = str(error.str())
        if error.code() == KafkaError._AUTHENTICATION:
            return KafkaUnreachable(f"Kafka refuses us: {words}", _account(cluster))
        if error.code() == KafkaError._SSL and "verif" in words:
            return KafkaUnreachable(
                f"Kafka's certificate is not believed: {words}",
                "set kafka.ca_file to the authority that signed it; kafka.bootstrap must be a name that stands in it",
            )
        if error.code() == KafkaError._SSL or "listener" in words or "security.protocol" in words:
            certificate = "" if isinstance(cluster, str) or not cluster.has_tls else _certificate(cluster)
            return KafkaUnreachable(f"Kafka does not understand us: {words}", listener + certificate)
    return KafkaUnreachable(
        f"Kafka does not answer: {told[-1].str()}" if len(told) < 2 else f"Kafka does not answer: {told[0].str()}",
        "start the stack with `sluice up`; if it runs, see DATA/logs/kafka.log; or set SLUICE_KAFKA__BOOTSTRAP",
    )


def _certificate(cluster: Any) -> str:
    """Brokers that ask for a certificate close the connection without a word."""
    if cluster.certificate_file is None:
        return "; if it asks for a certificate, set kafka.certificate_file and kafka.key_file"
    return "; or it does not believe the authority of kafka.certificate_file"


def _account(cluster: Cluster) -> str:
    if not isinstance(cluster, str) and cluster.sasl_mechanism == "OAUTHBEARER":
        return "set kafka.sasl_oauth_token_url, kafka.sasl_oauth_client_id and its secret as the provider has them"
    mechanism = "" if isinstance(cluster, str) else f" ({cluster.sasl_mechanism})"
    return f"set kafka.sasl_username, kafka.sasl_password and kafka.sasl_mechanism{mechanism} as the broker has them"


def _words(fault: Exception) -> str:
    return str(fault.args[0].str()) if isinstance(fault, KafkaException) else str(fault)
