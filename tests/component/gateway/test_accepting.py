"""What is accepted: messages, campaigns, uploads; on the topic, in PostgreSQL, and read again at once."""

from __future__ import annotations

import json
from array import array

import pytest
from aiohttp import ClientSession

from schemas.records.codec import decode_as
from schemas.records.topics import COMMANDS
from schemas.records.wire import CampaignCommand
from tests.support.gateway_env import GatewayEnv, read_all, slices_of

pytestmark = pytest.mark.stack
MESSAGE = {
    "to": "+49 151 12345678",
    "from": "Shop",
    "body": "Hello {{name}}",
    "variables": {"name": "Ann"},
    "client_ref": "order-7",
}


def line(number: int, **more: object) -> str:
    return json.dumps({"to": f"+4915112{number:06d}", **more})


async def test_a_message_is_on_the_topic_before_its_answer(client: ClientSession, env: GatewayEnv) -> None:
    async with client.post("/v1/messages", json=MESSAGE) as response:
        accepted = await response.json()
        assert response.status == 202, accepted
        assert response.headers["Location"] == f"/v1/messages/{accepted['id']}"
        assert response.headers["X-Request-Id"] and response.headers["traceparent"]
    assert accepted == {"id": accepted["id"], "status": "accepted", "encoding": "gsm7", "segments": 1}
    message, slice_ = next(
        row
        for row in slices_of(env.settings.kafka.bootstrap or "", "ingest-transactional")
        if row[1].chunk == accepted["id"]
    )
    assert dict(message.headers())["x-from"] == b"gateway"
    assert (slice_.tenant, slice_.campaign, slice_.size, slice_.version) == (env.tenant, None, 1, 0)
    columns = env.sealer().open(slice_)
    assert array("Q", columns.to).tolist() == [4915112345678]
    assert slice_.body == "{{text}}" and columns.variables == {"text": ["Hello Ann"]} and columns.refs == ["order-7"]


async def test_a_message_is_found_right_after_its_answer(client: ClientSession) -> None:
    async with client.post("/v1/messages", json=MESSAGE) as response:
        identity = (await response.json())["id"]
    async with client.get(f"/v1/messages/{identity}") as response:
        found = await response.json()
    assert response.status == 200
    assert (found["status"], found["to"], found["client_ref"]) == ("accepted", "+4915112345678", "order-7")


async def test_an_inline_campaign_runs_at_once(client: ClientSession, env: GatewayEnv) -> None:
    body = {
        "name": "Sale",
        "from": "Shop",
        "body": "Hi {{name}}",
        "recipients": [
            {"to": "+4915112000001", "variables": {"name": "Ann"}, "client_ref": "a"},
            {"to": "12345"},
            {"to": "+4915112000002"},
            {"to": "+4915112000001", "variables": {"name": "Again"}},
            {"to": "+33612345678", "variables": {"name": "Zoe"}},
        ],
    }
    async with client.post("/v1/campaigns", json=body) as response:
        accepted = await response.json()
    assert response.status == 202, accepted
    assert (accepted["status"], accepted["accepted"]) == ("running", 1)
    assert accepted["estimate"] == {"segments": 1, "price": "0.0700"}
    assert [(r["index"], r["pointer"], r["code"]) for r in accepted["rejected"]] == [
        (1, "/recipients/1/to", "national_format"),
        (2, "/recipients/2/variables/name", "missing_variable"),
        (3, "/recipients/3/to", "duplicate"),
        (4, "/recipients/4/to", "no_route"),
    ]
    async with client.get(f"/v1/campaigns/{accepted['id']}") as response:
        shown = await response.json()
    assert (shown["counts"]["accepted"], shown["counts"]["queued"], shown["rejected_count"]) == (1, 1, 4)
    async with client.get(f"/v1/campaigns/{accepted['id']}/rejections?limit=3") as response:
        page = await response.json()
    assert [row["index"] for row in page["rejections"]] == [1, 2, 3] and page["next"]
    async with client.get(f"/v1/campaigns/{accepted['id']}/rejections", params={"cursor": page["next"]}) as response:
        assert [row["index"] for row in (await response.json())["rejections"]] == [4]
    async with client.get(f"/v1/messages/msg_{accepted['id'][4:]}_0_0") as response:
        assert (response.status, (await response.json())["status"]) == (200, "accepted")
    async with client.get(f"/v1/messages/msg_{accepted['id'][4:]}_0_1") as response:
        assert response.status == 404
    assert [(c.version, c.status, c.parts) for c in commands(env, accepted["id"])] == [(1, "running", [0])]


def commands(env: GatewayEnv, campaign: str) -> list[CampaignCommand]:
    return [
        decode_as(m.value(), CampaignCommand)
        for m in read_all(env.settings.kafka.bootstrap or "", COMMANDS)
        if m.key() == campaign.encode()
    ]


async def test_a_draft_is_filled_and_started(client: ClientSession, env: GatewayEnv) -> None:
    async with client.post("/v1/campaigns", json={"name": "Big", "from": "Shop", "body": "Hi", "open": True}) as response:
        campaign = (await response.json())["id"]
        assert response.status == 202
    lines = [line(n) for n in range(1200)] + ["", "{", '{"to": 5}', '{"to": "+1", "x": 1}', line(7)]
    headers = {"Content-Type": "application/x-ndjson", "Upload-Part": "3"}
    url = f"/v1/campaigns/{campaign}/recipients"
    async with client.post(url, data="\n".join(lines).encode(), headers=headers) as response:
        part = await response.json()
    assert response.status == 202, part
    assert (part["part"], part["accepted"], part["rejected_count"]) == (3, 1200, 4)
    assert [(r["index"], r["code"]) for r in part["rejected"]] == [
        (1200, "bad_json"),
        (1201, "wrong_type"),
        (1202, "unknown_field"),
        (1203, "duplicate"),
    ]
    async with client.post(url, data="\n".join(lines).encode(), headers=headers) as response:
        assert (response.status, await response.json()) == (202, part)
        assert response.headers["Idempotency-Replayed"] == "true"
    async with client.post(url, data=line(1).encode(), headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (422, "part_conflict")
    for _ in range(2):
        async with client.post(f"/v1/campaigns/{campaign}/start") as response:
            assert (response.status, await response.json()) == (202, {"id": campaign, "status": "running"})
    async with client.post(url, data=line(1).encode(), headers=headers | {"Upload-Part": "4"}) as response:
        assert (response.status, (await response.json())["errors"][0]["code"]) == (409, "running")
    slices = [s for _, s in slices_of(env.settings.kafka.bootstrap or "", "ingest-marketing") if s.campaign == campaign]
    assert [s.size for s in slices] == [500, 500, 200] and {s.version for s in slices} == {1}
    assert sorted(i for s in slices for i in array("I", s.indexes)) == list(range(1200))
    assert [(c.version, c.status, c.parts) for c in commands(env, campaign)] == [(1, "draft", []), (2, "running", [3])]
    for _ in range(2):
        async with client.post(f"/v1/campaigns/{campaign}/cancel") as response:
            assert (response.status, (await response.json())["status"]) == (202, "canceled")
    async with client.post(f"/v1/campaigns/{campaign}/start") as response:
        assert (response.status, (await response.json())["errors"][0]["code"]) == (409, "canceled")
