"""How Faust is let into Kafka: the options that its client is given everywhere else, in Faust's own words.

In: where Kafka is and how one is let in. Out: `broker` and `broker_credentials` of an app. Wrong: certificates that cannot
be used: `SecurityFilesError`.
"""

from __future__ import annotations

from typing import Any

from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials

from infra.kafka.security import Cluster, aiokafka_options


def broker_settings(cluster: Cluster) -> dict[str, Any]:
    """What an app is told of its brokers."""
    options = aiokafka_options(cluster)
    brokers = [f"kafka://{address}" for address in options["bootstrap_servers"].split(",")]
    return {"broker": brokers, "broker_credentials": _credentials(options)}


def _credentials(options: dict[str, Any]) -> Any:
    context = options.get("ssl_context")
    if "sasl_oauth_token_provider" in options:
        return OAuthCredentials(oauth_cb=options["sasl_oauth_token_provider"], ssl_context=context)
    if "sasl_mechanism" in options:
        return SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return None if context is None else SSLCredentials(context)
