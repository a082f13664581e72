"""A record of many: what can be written is written, what fails alone is named, an outage names nothing."""

from __future__ import annotations

import pytest

from connectors.sinks.taking_apart import take_apart
from infra.kafka.records import ConsumerRecord

RECORD = ConsumerRecord(topic="t", partition=0, offset=7, timestamp=0, key=None, value=b"abcdefgh", headers=())


def halves(record: ConsumerRecord) -> list[ConsumerRecord]:
    value = record.value or b""
    middle = len(value) // 2
    return [record._replace(value=value[:middle]), record._replace(value=value[middle:])] if middle else []


def apart(bad: bytes) -> tuple[list[bytes | None], bytes]:
    """(buried, written) of the record when whatever holds one of these letters fails."""
    written = bytearray()

    def attempt(piece: ConsumerRecord) -> Exception | None:
        if set(piece.value or b"") & set(bad):
            return ValueError(repr(piece.value))
        written.extend(piece.value or b"")
        return None

    return [piece.value for piece, _ in take_apart(RECORD, ValueError("whole"), halves, attempt)], bytes(written)


@pytest.mark.parametrize(
    ("bad", "buried", "written"),
    [
        (b"a", [b"a"], b"bcdefgh"),
        (b"h", [b"h"], b"abcdefg"),
        (b"cf", [b"c", b"f"], b"abdegh"),
        (b"abcdefg", [bytes([c]) for c in b"abcdefg"], b"h"),
        (b"abcdefgh", [b"abcdefgh"], b""),
        (b"", [], b"abcdefgh"),
    ],
)
def test_what_fails_alone_is_named_and_the_rest_is_written(bad: bytes, buried: list[bytes], written: bytes) -> None:
    assert apart(bad) == (buried, written)


def test_an_outage_is_nobodys_fault() -> None:
    def away(_: ConsumerRecord) -> Exception | None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        take_apart(RECORD, ValueError("whole"), halves, away)
