"""Whether Kafka answers, for /readyz: one question at a time, its answer good for a second.

Enters: nothing. Leaves: silence, or `DeliveryError` with Kafka's own words.
"""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from infra.kafka.client import Cluster, KafkaException, make_admin
from infra.kafka.outbox import DeliveryError
from schemas.records.topics import COMMANDS

FRESH_SECONDS = 1.0
TIMEOUT_SECONDS = 1.5


class KafkaProbe:
    """Asks for the metadata of one topic."""

    def __init__(self, cluster: Cluster) -> None:
        self._admin = make_admin(cluster)
        self._one = asyncio.Lock()
        self._answered_at = 0.0

    async def check(self) -> None:
        """Return when Kafka knows our topics."""
        async with self._one:
            if time.monotonic() - self._answered_at < FRESH_SECONDS:
                return
            try:
                found = await asyncio.to_thread(self._admin.list_topics, COMMANDS, TIMEOUT_SECONDS)
            except KafkaException as fault:
                raise DeliveryError(str(fault)) from None
            if found.topics[COMMANDS].error is not None:
                raise DeliveryError(f"{COMMANDS}: {found.topics[COMMANDS].error}")
            self._answered_at = time.monotonic()


KAFKA_PROBE: web.AppKey[KafkaProbe] = web.AppKey("kafka_probe", KafkaProbe)
