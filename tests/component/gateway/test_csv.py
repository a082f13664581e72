"""Recipients as a table: the same chunks, verdicts and repeats as lines of JSON; a bad header counts for nothing."""

from __future__ import annotations

import json
from array import array
from typing import Any

import pytest
from aiohttp import ClientSession

from schemas.records.slice import Columns, Slice
from tests.support.gateway_env import GatewayEnv, slices_of

pytestmark = pytest.mark.stack
COUNT = 700


async def draft(client: ClientSession) -> str:
    body = {"name": "Table", "from": "Shop", "body": "Hi {{name}}", "open": True}
    async with client.post("/v1/campaigns", json=body) as response:
        return str((await response.json())["id"])


async def upload(client: ClientSession, campaign: str, content: str, body: bytes, part: int = 0) -> tuple[int, Any, bool]:
    """Status, answer, whether it is a repeat."""
    headers = {"Content-Type": content, "Upload-Part": str(part)}
    async with client.post(f"/v1/campaigns/{campaign}/recipients", data=body, headers=headers) as response:
        return response.status, await response.json(content_type=None), "Idempotency-Replayed" in response.headers


def people() -> list[dict[str, Any]]:
    good = [{"to": f"+491511{n:07d}", "client_ref": f"r{n}", "variables": {"name": f'a "b",\nc{n}'}} for n in range(COUNT)]
    return [*good, {"to": "0151", "client_ref": "x", "variables": {"name": ""}}, good[5]]


def as_table(rows: list[dict[str, Any]]) -> bytes:
    return "\ufeffclient_ref,name,to\r\n".encode() + b"\r\n".join(
        '{},"{}",{}'.format(row["client_ref"], row["variables"]["name"].replace('"', '""'), row["to"]).encode()
        for row in rows
    )


def as_lines(rows: list[dict[str, Any]]) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in rows)


def chunks(env: GatewayEnv, campaign: str) -> list[tuple[Slice, Columns]]:
    sealer = env.sealer()
    return [
        (found, sealer.open(found))
        for _, found in slices_of(env.settings.kafka.bootstrap or "", "ingest-marketing")
        if found.campaign == campaign
    ]


async def test_a_table_becomes_what_lines_become(client: ClientSession, env: GatewayEnv) -> None:
    table, lines = await draft(client), await draft(client)
    found = await upload(client, table, "text/csv; charset=utf-8", as_table(people()))
    expected = await upload(client, lines, "application/x-ndjson", as_lines(people()))

    assert found == expected and found[0] == 202
    assert (found[1]["accepted"], [(row["index"], row["code"]) for row in found[1]["rejected"]]) == (
        COUNT,
        [(COUNT, "national_format"), (COUNT + 1, "duplicate")],
    )
    assert [(array("I", one.indexes), columns) for one, columns in chunks(env, table)] == [
        (array("I", one.indexes), columns) for one, columns in chunks(env, lines)
    ]

    assert await upload(client, table, "text/csv", as_table(people())) == (202, found[1], True)
    for content, body in (("text/csv", as_table(people()[:3])), ("application/x-ndjson", as_table(people()))):
        status, problem, _ = await upload(client, table, content, body)
        assert (status, problem["code"]) == (422, "part_conflict")


async def test_a_bad_header_is_mended_and_sent_again_under_its_number(client: ClientSession, env: GatewayEnv) -> None:
    campaign = await draft(client)
    status, problem, _ = await upload(client, campaign, "text/csv", b"number,name,name\n+4915112345678,Ann,Ann\n")
    assert (status, problem["code"]) == (422, "duplicate_column")
    assert [(fault["pointer"], fault["code"]) for fault in problem["errors"]] == [
        ("/header/2", "duplicate_column"),
        ("/header", "missing_column"),
    ]

    rows = b"to,name\n+4915112345678\n+4915112345678,Ann\n+4915112345679,\0\n"
    status, part, repeated = await upload(client, campaign, "text/csv", rows)
    assert (status, part["accepted"], repeated) == (202, 1, False)
    assert [(row["index"], row["pointer"], row["code"]) for row in part["rejected"]] == [
        (0, "", "field_count"),
        (2, "/variables/name", "bad_text"),
    ]
    assert [one.size for one, _ in chunks(env, campaign)] == [1]


async def test_a_table_needs_a_column_for_each_placeholder(client: ClientSession) -> None:
    campaign = await draft(client)
    status, part, _ = await upload(client, campaign, "text/csv", b"to,Name\n+4915112345678,Ann\n")
    assert (status, part["accepted"]) == (202, 0)
    assert [(row["pointer"], row["code"]) for row in part["rejected"]] == [("/variables/name", "missing_variable")]
