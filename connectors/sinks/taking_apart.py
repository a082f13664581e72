"""A record of many that cannot be written whole: everything in it that can be is written, the rest is named.

In: a record, how its sink cuts it, and an attempt to write a piece in a transaction of its own. Out: the pieces that fail
alone, each a record that can be read and replayed; the record itself, as it came, when nothing of it can be written.
Halved again and again, so one bad position of 500 costs some twenty attempts. Killed in between, the record comes again:
what was written of it is recognised, as every repeat is. Outages and other owners leave as the exceptions they are.
"""

from __future__ import annotations

from collections.abc import Callable

from infra.kafka.records import ConsumerRecord

Failed = list[tuple[ConsumerRecord, Exception]]


def take_apart(
    record: ConsumerRecord,
    fault: Exception,
    split: Callable[[ConsumerRecord], list[ConsumerRecord]],
    attempt: Callable[[ConsumerRecord], Exception | None],
) -> Failed:
    """Write what can be written of a record that failed with `fault`; what cannot, each piece with its own fault."""
    failed: Failed = []
    written = False
    todo = split(record)
    while todo:
        piece = todo.pop(0)
        own = attempt(piece)
        if own is None:
            written = True
            continue
        smaller = split(piece)
        todo[:0] = smaller
        if not smaller:
            failed.append((piece, own))
    return failed if written else [(record, fault)]
