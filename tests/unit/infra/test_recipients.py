"""Recipients for an upload: every byte as it is, under the content type that the name or the first character tells."""

from __future__ import annotations

import io
import json

import pytest

from infra.bench.recipients import fictitious_recipients
from infra.cli.recipients import BLOCK, CSV, NDJSON, content_of
from schemas.values.phone.number import normalise


def test_bytes_pass_unchanged_in_blocks() -> None:
    content = b'{"to": "+4915112345678"}\n' * 10_000
    kind, blocks = content_of(io.BytesIO(content), "people.ndjson")
    found = list(blocks)
    assert kind == NDJSON and b"".join(found) == content
    assert len(found) == -(-len(content) // BLOCK)


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (b"to,name\n", "people.csv", CSV),
        (b"to,name\n", "-", CSV),
        (b'to,"a\n+1,x\n', "people.txt", CSV),
        (b'{"to": "+1"}\n', "-", NDJSON),
        (b'\xef\xbb\xbf\r\n {"to": "+1"}\n', "people.json", NDJSON),
        (b"", "-", CSV),
        (b'{"to": "+1"}\n', "People.CSV", CSV),
        ('{"to": "+1"}\n'.encode("utf-16"), "-", CSV),
        (b"\xef\xbb\xbfto\r\n\xff\r\n", "-", CSV),
    ],
)
def test_nothing_is_judged(content: bytes, name: str, kind: str) -> None:
    found, blocks = content_of(io.BytesIO(content), name)
    assert (found, b"".join(blocks)) == (kind, content)


def test_the_numbers_of_the_demo_are_valid_and_differ() -> None:
    rows = [json.loads(line) for line in b"".join(fictitious_recipients(2500)).splitlines()]
    assert len({normalise(row["to"]) for row in rows}) == 2500
