"""Dead letters: a record that nobody could handle, kept byte for byte with the reason of its burial in headers.

In: the record as it was read (topic, place, time, key, value, headers) and what went wrong. Out: key, value and headers
of the record for `dead-letter`: key and value unchanged (null stays null), the record's own headers, and `x-orig-*`,
`x-error-*`, `x-attempts`, `x-first-failed-at`, `x-service`; values UTF-8 text, numbers decimal. A record that was
replayed and fails again keeps its first failure's time and counts its attempts up. Nothing can go wrong here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

MAX_MESSAGE = 500

_OURS = frozenset({
    "x-orig-topic", "x-orig-partition", "x-orig-offset", "x-orig-timestamp", "x-error-class", "x-error-code",
    "x-error-message", "x-attempts", "x-first-failed-at", "x-service",
})

Letter = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]


def dead_letter(topic: str, partition: int, offset: int, timestamp: int, key: bytes | None, value: bytes | None,
                headers: Iterable[tuple[str, bytes | None]] | None, *, error_class: str, code: str, message: str,
                service: str, now: int | None = None) -> Letter:
    """(key, value, headers) for `dead-letter`. `timestamp` and `now` in milliseconds; `now` defaults to the clock."""
    own = [(name, content if content is not None else b"") for name, content in headers or ()]
    before = {name: content for name, content in own if name in _OURS}
    failed_at = str(time.time_ns() // 1_000_000 if now is None else now).encode()
    attempts = before.get("x-attempts", b"0")
    return key, value, [
        *(header for header in own if header[0] not in _OURS),
        ("x-orig-topic", topic.encode()),
        ("x-orig-partition", str(partition).encode()),
        ("x-orig-offset", str(offset).encode()),
        ("x-orig-timestamp", str(timestamp).encode()),
        ("x-error-class", error_class.encode()),
        ("x-error-code", code.encode()),
        ("x-error-message", message[:MAX_MESSAGE].encode("utf-8", "replace")),
        ("x-attempts", str((int(attempts) if attempts.isdigit() else 0) + 1).encode()),
        ("x-first-failed-at", before.get("x-first-failed-at", failed_at)),
        ("x-service", service.encode()),
    ]
