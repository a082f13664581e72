"""Recipients for demonstrations and measurements, and the text that they are sent.

In: how many. Out: NDJSON in blocks. Numbers have the right form and nobody was asked about them: they go to a simulator
alone.
"""

from __future__ import annotations

from collections.abc import Iterator

BODY = "Hello {{name}}, your parcel arrives on {{day}}. Reply STOP to end."


def fictitious_recipients(count: int) -> Iterator[bytes]:
    """Blocks of a thousand lines: `to`, and the variables `name` and `day`."""
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
    for first in range(0, count, 1000):
        yield b"".join(
            b'{"to":"+491511%07d","variables":{"name":"customer %d","day":"%s"}}\n'
            % (number, number, days[number % 5].encode())
            for number in range(first, min(first + 1000, count))
        )
