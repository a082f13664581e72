"""The answer 202 to a single message.

Enters: its id, and what its text comes to. Leaves: the answer, as it is sent and as it is kept for repeats.
"""

from __future__ import annotations

import msgspec

from gateway.http.fields import Encoding
from gateway.idempotency.keys import Stored
from gateway.messages.types import MessageAccepted


def accepted(identity: str, encoding: Encoding, segments: int) -> Stored:
    """202, and where the message stands."""
    body = MessageAccepted(id=identity, encoding=encoding, segments=segments)
    return Stored(status=202, body=msgspec.json.encode(body), location=f"/v1/messages/{identity}")
