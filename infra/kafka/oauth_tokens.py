"""Tokens for OAUTHBEARER, for the client that does not fetch them itself: OIDC with a client's credentials.

In: the token endpoint, the client and its secret. Out: a token that is good for a while yet; one is kept until four fifths
of its life are over. Wrong: the endpoint is away, refuses, or answers something else: `KafkaConnectionError`, after which
aiokafka tries again, as after a broker that is away. (librdkafka does the same by itself.)
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

SECONDS = 5.0
KEPT = 0.8
SHORTEST_LIFE = 60


class OauthTokens(AbstractTokenProvider):  # type: ignore[misc]
    """Of one client; may be asked from several loops."""

    def __init__(
        self, url: str, client: str, secret: str, scope: str | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url, self._client, self._secret, self._scope = url, client, secret, scope
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._good_until = float("-inf")

    async def token(self) -> str:
        """A good one. Raises KafkaConnectionError."""
        return await asyncio.to_thread(self._current)

    def _current(self) -> str:
        with self._lock:
            if self._clock() >= self._good_until:
                try:
                    self._token, life = self._fetch()
                except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
                    raise KafkaConnectionError(f"no token from {self._url}: {fault!r}") from fault
                self._good_until = self._clock() + KEPT * life
            return self._token

    def _fetch(self) -> tuple[str, float]:
        """The token, and the seconds it lives."""
        form = {"grant_type": "client_credentials", **({"scope": self._scope} if self._scope else {})}
        account = base64.b64encode(f"{self._client}:{self._secret}".encode()).decode()
        request = urllib.request.Request(
            self._url,
            urllib.parse.urlencode(form).encode(),
            {"Authorization": f"Basic {account}", "Accept": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            found = json.loads(answer.read())
        return str(found["access_token"]), float(found.get("expires_in", SHORTEST_LIFE))
