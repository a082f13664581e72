"""What is read: counts that add up, states, pages, filters; nothing of a stranger's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from aiohttp import ClientSession

from gateway.app import Gateway
from infra.postgres.admin_store import open_admin_store
from schemas.values.positions import places
from schemas.values.status import STATUSES, Status
from tests.support.gateway_env import GatewayEnv, slices_of
from tests.support.gateway_rows import NUMBERS, Sinks, get, make

pytestmark = pytest.mark.stack


@pytest.fixture
def sinks(env: GatewayEnv) -> Iterator[Sinks]:
    with psycopg.connect(env.postgres, autocommit=True) as connection:
        yield Sinks(env, connection)


async def test_counts_add_up_and_the_state_follows(client: ClientSession, env: GatewayEnv, sinks: Sinks) -> None:
    identity, slice_ = await make(client, env)
    for counts, state in (
        ({Status.QUEUED: 3}, "running"),
        ({Status.SENT: 6, Status.SENDING: 1}, "running"),
        ({Status.SENT: 5, Status.UNCERTAIN: 2}, "running"),
        ({Status.DELIVERED: 7}, "completed"),
        ({Status.DELIVERED: 5, Status.SENT: 2}, "completed"),
        ({Status.DELIVERED: 6, Status.FAILED: 1}, "completed_with_failures"),
        ({Status.DELIVERED: 6, Status.EXPIRED: 1}, "completed_with_failures"),
    ):
        sinks.counts(slice_, counts)
        shown = await get(client, f"/v1/campaigns/{identity}")
        assert shown["status"] == state, counts
        found = dict(shown["counts"])
        assert set(found) == {str(status) for status in STATUSES}
        assert found.pop("accepted") == 7 == sum(found.values())
    async with client.post(f"/v1/campaigns/{identity}/cancel") as response:
        problem = await response.json(content_type=None)
    assert (response.status, problem["errors"][0]["code"]) == (409, "completed_with_failures")


async def test_pages_and_filters_of_messages(client: ClientSession, env: GatewayEnv, sinks: Sinks) -> None:
    identity, slice_ = await make(client, env)
    sinks.payload(slice_)
    path = f"/v1/campaigns/{identity}/messages"
    assert [m["status"] for m in (await get(client, path))["messages"]] == ["accepted"] * 7
    sinks.states(
        slice_, [Status.SENT, Status.FAILED, Status.DELIVERED, Status.SENT, Status.HELD, Status.SENT, Status.SENDING]
    )
    seen: list[Any] = []
    page = await get(client, path, limit="3")
    seen += page["messages"]
    while page["next"]:
        page = await get(client, path, limit="3", cursor=page["next"])
        seen += page["messages"]
    assert [m["to"] for m in seen] == NUMBERS and [m["client_ref"] for m in seen] == [f"ref{n}" for n in range(7)]
    assert [m["id"] for m in seen] == [f"msg_{identity[4:]}_0_{n}" for n in places(slice_.positions)]
    failed = (await get(client, path, status="failed"))["messages"]
    assert [(m["to"], m["reason"], m["segments"], m["price"], m["carrier"]) for m in failed] == [
        (NUMBERS[1], "carrier_permanent", 1, "0.0000", "near")
    ]
    assert {m["price"] for m in seen if m["status"] in ("sent", "delivered", "sending")} == {"0.0700"}
    one = await get(client, f"/v1/messages/{failed[0]['id']}")
    assert one == failed[0] and one["updated_at"] > one["created_at"]
    by_number = await get(client, "/v1/messages", to=NUMBERS[2], limit="1")
    assert by_number["messages"][0]["id"] == f"msg_{identity[4:]}_0_2"
    by_ref = await get(client, "/v1/messages", client_ref="ref5", status="sent")
    assert f"msg_{identity[4:]}_0_5" in [m["id"] for m in by_ref["messages"]]
    assert (await get(client, "/v1/messages", client_ref="ref5", until="2020-01-01T00:00:00Z"))["messages"] == []
    assert (await get(client, "/v1/messages", to=NUMBERS[2], **{"from": "2090-01-01T00:00:00+00:00"}))["messages"] == []


async def test_money_that_came_back_is_no_price(client: ClientSession, env: GatewayEnv, sinks: Sinks) -> None:
    identity, slice_ = await make(client, env)
    sinks.payload(slice_)
    states = [
        Status.FAILED,
        Status.FAILED,
        Status.REJECTED,
        Status.EXPIRED,
        Status.CANCELED,
        Status.UNDELIVERED,
        Status.HELD,
    ]
    sinks.states(slice_, states)
    for round_, charged in ((1, b""), (2, b"\x02")):
        sinks.reserve(slice_, round_, charged=charged)
    rows = (await get(client, f"/v1/campaigns/{identity}/messages"))["messages"]
    prices = ["0.0000", "0.0700", "0.0000", "0.0000", "0.0000", "0.0700", "0.0700"]
    assert [(m["status"], m["price"]) for m in rows] == list(zip(map(str, states), prices, strict=True))
    assert await get(client, f"/v1/messages/{rows[0]['id']}") == rows[0]


async def test_parts_that_were_never_answered_do_not_show(client: ClientSession, env: GatewayEnv, sinks: Sinks) -> None:
    identity, slice_ = await make(client, env)
    sealer = env.sealer()
    unlisted = msgspec.structs.replace(slice_, chunk=slice_.chunk.replace("_0_0", "_9_0"), part=9)
    sinks.payload(sealer.reseal(unlisted, sealer.open(slice_)))
    assert (await get(client, f"/v1/campaigns/{identity}/messages"))["messages"] == []


async def test_a_stranger_finds_nothing(client: ClientSession, url: str, env: GatewayEnv, sinks: Sinks) -> None:
    identity, slice_ = await make(client, env)
    sinks.payload(slice_)
    async with client.post("/v1/messages", json={"to": NUMBERS[0], "from": "Shop", "body": "x"}) as response:
        single = (await response.json())["id"]
    async with ClientSession(url, headers={"Authorization": f"Bearer {env.other_key}"}) as stranger:
        for path in (
            f"/v1/campaigns/{identity}",
            f"/v1/campaigns/{identity}/messages",
            f"/v1/messages/{single}",
            f"/v1/campaigns/{identity}/rejections",
            f"/v1/messages/msg_{identity[4:]}_0_0",
        ):
            async with stranger.get(path) as response:
                assert response.status == 404, path
        for call in ("start", "cancel"):
            async with stranger.post(f"/v1/campaigns/{identity}/{call}") as response:
                assert response.status == 404, call
        async with stranger.post(
            f"/v1/campaigns/{identity}/recipients", data=b"{}", headers={"Content-Type": "application/x-ndjson"}
        ) as response:
            assert response.status == 404
        assert (await get(stranger, "/v1/campaigns"))["campaigns"] == []
        assert (await get(stranger, "/v1/messages"))["messages"] == []


async def test_campaigns_in_pages(client: ClientSession, env: GatewayEnv) -> None:
    made = [(await make(client, env))[0] for _ in range(3)]
    page = await get(client, "/v1/campaigns", limit="2")
    rest = await get(client, "/v1/campaigns", limit="1000", cursor=page["next"])
    found = [campaign["id"] for campaign in page["campaigns"] + rest["campaigns"]]
    assert found[:3] == made[::-1] and len(set(found)) == len(found) and rest["next"] is None


async def test_balance_and_what_it_allows(client: ClientSession, url: str, env: GatewayEnv) -> None:
    assert await get(client, "/v1/balance") == {
        "balance": "1000.0000",
        "reserved": "0.0000",
        "available": "1000.0000",
        "currency": "EUR",
    }
    async with ClientSession(url, headers={"Authorization": f"Bearer {env.poor_key}"}) as poor:
        campaign = {"name": "x", "from": "Shop", "body": "x", "recipients": [{"to": NUMBERS[0]}]}
        for path, body in (("/v1/messages", {"to": NUMBERS[0], "from": "Shop", "body": "x"}), ("/v1/campaigns", campaign)):
            async with poor.post(path, json=body) as response:
                assert (response.status, (await response.json(content_type=None))["code"]) == (402, "insufficient_balance")


async def test_senders_and_lanes_of_an_account(url: str, env: GatewayEnv) -> None:
    body = {"to": NUMBERS[0], "from": "Shop", "body": "x", "lane": "marketing"}
    async with ClientSession(url, headers={"Authorization": f"Bearer {env.strict_key}"}) as strict:
        for changes, status, pointer in (({}, 202, None), ({"from": "Bank"}, 403, "/from"), ({"lane": "otp"}, 403, "/lane")):
            async with strict.post("/v1/messages", json=body | changes) as response:
                answer = await response.json(content_type=None)
                assert response.status == status
                assert pointer is None or answer["errors"][0]["pointer"] == pointer


async def test_a_preview_sends_nothing(client: ClientSession, env: GatewayEnv) -> None:
    before = len(slices_of(env.settings.kafka.bootstrap or "", "ingest-marketing"))
    body = {
        "name": "x",
        "from": "Shop",
        "body": "Hi {{n}}",
        "recipients": [
            {"to": NUMBERS[0], "variables": {"n": "a" * 158}},
            {"to": "+12025550123", "variables": {"n": "b"}},
            {"to": NUMBERS[1], "variables": {"n": "c"}},
            {"to": "x"},
        ],
    }
    async with client.post("/v1/preview", json=body) as response:
        shown = await response.json()
    assert shown | {"rejected": None, "samples": None} == {
        "samples": None,
        "warnings": [],
        "currency": "EUR",
        "rejected_count": 1,
        "recipients": 3,
        "encoding": "gsm7",
        "segments": 2,
        "total_segments": 4,
        "price": "0.2200",
        "rejected": None,
        "routes": [{"carrier": "near", "recipients": 2}, {"carrier": "far", "recipients": 1}],
    }
    assert [(r["row"], r["pointer"], r["value"]) for r in shown["rejected"]] == [(4, "/recipients/3/to", "x")]
    assert len(slices_of(env.settings.kafka.bootstrap or "", "ingest-marketing")) == before


async def test_a_revoked_key_ends_within_seconds(gateway: Gateway, url: str, env: GatewayEnv) -> None:
    with open_admin_store(env.postgres) as store:
        made = store.create_key("account", "second")
        async with ClientSession(url, headers={"Authorization": f"Bearer {made['api_key']}"}) as session:
            assert (await get(session, "/v1/balance"))["currency"] == "EUR"
            store.revoke_key(made["id"])
            await gateway.accounts.refresh()
            async with session.get("/v1/balance") as response:
                assert response.status == 401


async def test_ready_with_everything_there(url: str) -> None:
    async with ClientSession(url) as session, session.get("/readyz") as response:
        body = await response.json()
    assert response.status == 200 and body["ready"] and all(body[name]["ok"] for name in ("kafka", "postgres", "redis"))
