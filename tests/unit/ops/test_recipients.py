"""Recipients for an upload: NDJSON passes unchanged, CSV becomes NDJSON, bad CSV is refused with its line."""

from __future__ import annotations

import io
import json

import pytest

from infra.bench.recipients import fictitious_recipients
from infra.cli.recipients import BLOCK, blocks_of
from infra.runtime.refusal import Refusal
from schemas.values.phone.number import normalise


def lines(content: bytes, name: str = "-") -> list[dict[str, object]]:
    return [json.loads(line) for line in b"".join(blocks_of(io.BytesIO(content), name)).splitlines()]


def test_ndjson_passes_unchanged_in_blocks() -> None:
    content = b'{"to": "+4915112345678"}\n' * 10_000
    blocks = list(blocks_of(io.BytesIO(content), "people.ndjson"))
    assert b"".join(blocks) == content
    assert len(blocks) == -(-len(content) // BLOCK)


@pytest.mark.parametrize("name", ["people.csv", "-"])
def test_csv_becomes_ndjson(name: str) -> None:
    content = "\ufeffto,client_ref,name\r\n+4915112345678,r1,\"Änne, \"\"A\"\"\"\r\n\r\n+4915112345679,,x\r\n".encode()
    assert lines(content, name) == [
        {"to": "+4915112345678", "client_ref": "r1", "variables": {"name": 'Änne, "A"'}},
        {"to": "+4915112345679", "variables": {"name": "x"}}]


def test_csv_longer_than_a_block() -> None:
    content = b"to\n" + b"+4915112345678\n" * 20_000
    assert len(lines(content)) == 20_000


@pytest.mark.parametrize(("content", "says"), [
    (b"number\n+4915112345678\n", "no column `to`"), (b"", "no column `to`"), (b"to,name\n+4915112345678\n", "line 2 has 1"),
    (b"to,name\n+4915112345678,\xff\n", "no UTF-8"), (b"to,to\n1,2\n", "'to' stands there twice"),
    (b"to\n" + b"1" * 200_000, "line . *: field larger"),
])
def test_bad_csv_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(Refusal, match=says):
        lines(content, "people.csv")


def test_the_numbers_of_the_demo_are_valid_and_differ() -> None:
    rows = [json.loads(line) for line in b"".join(fictitious_recipients(2500)).splitlines()]
    assert len({normalise(row["to"]) for row in rows}) == 2500
