"""Dead letters: a record that nobody could handle, kept byte for byte with the reason in headers.

In: the record as it was read, and what went wrong. Out: the record for `dead-letter`: key and value unchanged (null stays
null), the record's own headers, and `x-orig-*`, `x-error-*`, `x-attempts`, `x-first-failed-at`, `x-service`; values UTF-8
text, numbers decimal. A record that was replayed and fails again keeps its first failure's time and counts its attempts up.
Where a part of a record fails, `record._replace(value=...)` is what goes to the dead letters. Nothing can go wrong here.
"""

from __future__ import annotations

import time

from infra.kafka.records import ConsumerRecord, ProducerRecord
from schemas.records.topics import DEAD_LETTER

MAX_MESSAGE = 500

_OURS = frozenset(
    {
        "x-orig-topic",
        "x-orig-partition",
        "x-orig-offset",
        "x-orig-timestamp",
        "x-error-class",
        "x-error-code",
        "x-error-message",
        "x-attempts",
        "x-first-failed-at",
        "x-service",
    }
)


def dead_letter(
    record: ConsumerRecord,
    fault: Exception,
    *,
    code: str,
    service: str,
    now: int | None = None,
    error_class: str | None = None,
) -> ProducerRecord:
    """The record for `dead-letter`. `now` in milliseconds, else of the clock; `error_class`: else the fault's."""
    own = [(name, content if content is not None else b"") for name, content in record.headers or ()]
    before = {name: content for name, content in own if name in _OURS}
    failed_at = str(time.time_ns() // 1_000_000 if now is None else now).encode()
    attempts = before.get("x-attempts", b"0")
    return ProducerRecord(
        DEAD_LETTER,
        record.key,
        record.value,
        [
            *(header for header in own if header[0] not in _OURS),
            ("x-orig-topic", record.topic.encode()),
            ("x-orig-partition", str(record.partition).encode()),
            ("x-orig-offset", str(record.offset).encode()),
            ("x-orig-timestamp", str(record.timestamp).encode()),
            ("x-error-class", (error_class or type(fault).__name__).encode()),
            ("x-error-code", str(code).encode()),
            ("x-error-message", str(fault)[:MAX_MESSAGE].encode("utf-8", "replace")),
            ("x-attempts", str((int(attempts) if attempts.isdigit() else 0) + 1).encode()),
            ("x-first-failed-at", before.get("x-first-failed-at", failed_at)),
            ("x-service", service.encode()),
        ],
    )
