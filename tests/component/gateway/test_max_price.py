"""An open campaign stays within its `max_price`: a part beyond it is refused whole, also among many at once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psycopg
import pytest
from aiohttp import ClientSession

from gateway.app import Gateway
from gateway.campaigns.rows import PartRow
from gateway.campaigns.store import CampaignStore
from gateway.http.problem import Problem
from tests.support.gateway_env import GatewayEnv, slices_of

pytestmark = pytest.mark.stack
NDJSON, CSV = "application/x-ndjson", "text/csv"


async def draft(client: ClientSession, max_price: str, **more: Any) -> str:
    body = {"name": "Dear", "from": "Shop", "body": "Hi", "open": True, "max_price": max_price} | more
    async with client.post("/v1/campaigns", json=body) as response:
        made = await response.json()
    assert (response.status, made["status"]) == (202, "draft"), made
    return str(made["id"])


def lines(first: int, count: int) -> bytes:
    return b"".join(json.dumps({"to": f"+491511{n:07d}"}).encode() + b"\n" for n in range(first, first + count))


async def upload(client: ClientSession, campaign: str, part: int, body: bytes, content: str = NDJSON) -> tuple[int, Any]:
    async with client.post(
        f"/v1/campaigns/{campaign}/recipients", data=body, headers={"Content-Type": content, "Upload-Part": str(part)}
    ) as response:
        return response.status, await response.json(content_type=None)


def parts_on_topic(env: GatewayEnv, campaign: str) -> list[int]:
    return sorted(
        s.part for _, s in slices_of(env.settings.kafka.bootstrap or "", "ingest-marketing") if s.campaign == campaign
    )


async def test_a_part_beyond_the_limit_is_refused_whole_and_leaves_nothing(client: ClientSession, env: GatewayEnv) -> None:
    campaign = await draft(client, "0.35", recipients=[{"to": "+4915112345678"}])
    assert (await upload(client, campaign, 1, lines(0, 3)))[0] == 202
    for content, body in ((NDJSON, lines(10, 2)), (CSV, b"to\n+4915112345601\n+4915112345602\n"), (NDJSON, lines(10, 5000))):
        status, problem = await upload(client, campaign, 2, body, content)
        assert (status, [(f["pointer"], f["code"]) for f in problem["errors"]]) == (
            422,
            [("/max_price", "max_price_exceeded")],
        )
    assert "350.2800" in problem["detail"] and "0.3500" in problem["detail"]
    assert parts_on_topic(env, campaign) == [0, 1]

    # The number of a refused part is free for other bytes; what is refused one by one costs nothing.
    status, part = await upload(client, campaign, 2, lines(10, 1) + b'{"to": "0151"}\n')
    assert (status, part["accepted"], part["rejected_count"]) == (202, 1, 1)
    assert await upload(client, campaign, 2, lines(10, 1) + b'{"to": "0151"}\n') == (202, part)
    assert (await upload(client, campaign, 3, lines(20, 1)))[0] == 422
    async with client.post(f"/v1/campaigns/{campaign}/start") as response:
        assert (response.status, (await response.json())["status"]) == (202, "running")
    async with client.get(f"/v1/campaigns/{campaign}") as response:
        shown = await response.json()
    assert (shown["max_price"], shown["counts"]["accepted"]) == ("0.3500", 5)
    with psycopg.connect(env.postgres) as connection:
        assert connection.execute(
            "SELECT part, price FROM campaign_parts WHERE campaign = %s ORDER BY part", (campaign,)
        ).fetchall() == [(0, 700), (1, 2100), (2, 700)]


async def test_inline_recipients_of_an_open_campaign_count(client: ClientSession) -> None:
    body = {
        "name": "Dear",
        "from": "Shop",
        "body": "Hi",
        "open": True,
        "max_price": "0.0699",
        "recipients": [{"to": "+4915112345678"}],
    }
    async with client.post("/v1/campaigns", json=body) as response:
        problem = await response.json(content_type=None)
    assert (response.status, problem["errors"][0]["pointer"]) == (422, "/max_price")


async def test_parts_at_once_never_exceed_it_together(client: ClientSession) -> None:
    campaign = await draft(client, "6.30")
    answers = await asyncio.gather(*(upload(client, campaign, part, lines(part * 100, 30)) for part in range(8)))
    assert sorted(status for status, _ in answers) == [202] * 3 + [422] * 5
    assert {answer["code"] for status, answer in answers if status == 422} == {"max_price_exceeded"}
    async with client.get(f"/v1/campaigns/{campaign}") as response:
        assert (await response.json())["counts"]["accepted"] == 90


async def test_the_same_part_at_once_fits_once(client: ClientSession) -> None:
    campaign = await draft(client, "49.00")
    answers = await asyncio.gather(*(upload(client, campaign, 0, lines(0, 700)) for _ in range(4)))
    assert {status for status, _ in answers} == {202} and all(answer == answers[0] for answer in answers)


async def test_the_lock_of_the_campaign_decides(client: ClientSession, gateway: Gateway, env: GatewayEnv) -> None:
    campaign = await draft(client, "0.01")
    store = CampaignStore(gateway.pool)

    async def add(part: int) -> str:
        row = PartRow(
            part=part, chunks=1, recipients=1, price=60, rejected_count=0, rejected=[], digest=b"d" * 16, rejections=[]
        )
        try:
            await store.list_part(env.tenant, campaign, row, 0)
        except Problem as problem:
            return problem.code
        return "listed"

    assert sorted(await asyncio.gather(*(add(part) for part in range(6)))) == ["listed"] + ["max_price_exceeded"] * 5
