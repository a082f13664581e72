"""Kafka alone: with PostgreSQL and Redis away single messages are accepted; with Kafka away nothing is."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientSession

from gateway import ingest
from gateway.app import Gateway
from gateway.messages import queries
from schemas.records.codec import decode_as
from schemas.records.slice import Slice
from schemas.records.wire import Envelope
from schemas.values.ids import message_ids
from tests.support.gateway_offline import ListedOutbox, message


def slices(outbox: ListedOutbox) -> list[Slice]:
    return [slice_ for _, _, value in outbox.sent for slice_ in decode_as(value, Envelope).slices]


def ids(slice_: Slice) -> list[str]:
    return [name.decode() for name in message_ids(None, slice_.chunk, 0, slice_.indexes)]


async def test_a_message_and_its_reading(client: ClientSession) -> None:
    async with client.post("/v1/messages", json=message()) as response:
        accepted = await response.json()
        assert response.status == 202
    async with client.get(f"/v1/messages/{accepted['id']}") as response:
        assert (response.status, (await response.json())["to"]) == (200, "+4915112345678")


async def test_a_repeat_of_a_code_with_a_key_has_the_same_id(client: ClientSession, outbox: ListedOutbox) -> None:
    headers = {"Idempotency-Key": "order-1"}
    found = []
    for _ in range(2):
        async with client.post("/v1/messages", json=message(lane="otp"), headers=headers) as response:
            assert response.status == 202
            found.append((await response.json())["id"])
    assert found[0] == found[1] and {slice_.chunk for slice_ in slices(outbox)} == {found[0]}
    assert len({slice_.digest for slice_ in slices(outbox)}) == 1


@pytest.mark.parametrize("lane", ["transactional", "marketing"])
async def test_another_message_with_a_key_waits_until_someone_knows_the_key(
    client: ClientSession, outbox: ListedOutbox, lane: str
) -> None:
    """It may have a place in a chunk already, which only PostgreSQL knows."""
    async with client.post("/v1/messages", json=message(lane=lane), headers={"Idempotency-Key": "order-1"}) as response:
        problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (503, "database_unavailable") and response.headers["Retry-After"]
    assert outbox.sent == []


async def test_nobody_says_that_there_is_no_message_without_knowing(
    client: ClientSession, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> list[object]:
        return []

    monkeypatch.setattr(queries, "_rows", nothing)
    async with client.get(f"/v1/messages/msg_{'0' * 26}") as response:
        problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (503, "redis_unavailable") and response.headers["Retry-After"]


async def test_campaigns_need_postgresql(client: ClientSession, outbox: ListedOutbox) -> None:
    body = {"name": "x", "from": "Shop", "body": "y", "recipients": [{"to": "+4915112345678"}]}
    for method, path, given in (
        ("POST", "/v1/campaigns", body),
        ("GET", "/v1/campaigns", None),
        ("GET", "/v1/balance", None),
        ("POST", f"/v1/campaigns/cmp_{'0' * 26}/start", None),
    ):
        async with client.request(method, path, json=given) as response:
            problem = await response.json(content_type="application/problem+json")
        assert (response.status, problem["code"]) == (503, "database_unavailable"), path
        assert int(response.headers["Retry-After"]) > 0
    assert outbox.sent == []


async def test_kafka_away(client: ClientSession, outbox: ListedOutbox) -> None:
    outbox.error = "timed out"
    async with client.post("/v1/messages", json=message()) as response:
        problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (503, "kafka_unavailable")
    assert int(response.headers["Retry-After"]) > 0


async def test_singles_that_arrive_together_share_chunks(client: ClientSession, outbox: ListedOutbox) -> None:
    async def send() -> str:
        async with client.post("/v1/messages", json=message()) as response:
            return str((await response.json())["id"])

    identities = await asyncio.gather(*(send() for _ in range(60)))
    assert sorted(message_id for slice_ in slices(outbox) for message_id in ids(slice_)) == sorted(identities)
    assert len(outbox.sent) == len(slices(outbox)) < 60
    for _, key, value in outbox.sent:
        assert key == decode_as(value, Envelope).slices[0].chunk.encode()


async def test_too_many_waiting_is_503_at_once(client: ClientSession, gateway: Gateway, outbox: ListedOutbox) -> None:
    gateway.ingest.waiting = ingest.MAX_WAITING
    async with client.post("/v1/messages", json=message()) as response:
        assert (response.status, (await response.json(content_type=None))["code"]) == (503, "overloaded")
    assert outbox.sent == []


async def test_not_ready_and_why(client: ClientSession) -> None:
    async with client.get("/readyz", headers={"Authorization": ""}) as response:
        body = await response.json()
    assert response.status == 503 and body["ready"] is False
    assert all(body[name]["error"] and body[name]["milliseconds"] >= 0 for name in ("kafka", "postgres", "redis"))
    async with client.get("/healthz") as response:
        assert (response.status, await response.json()) == (200, {"status": "ok"})


async def test_metrics_name_routes_not_ids(client: ClientSession) -> None:
    async with client.get("/v1/messages/msg_x") as response:
        assert response.status == 404
    async with client.get("/metrics") as response:
        text = await response.text()
    assert 'sluice_http_requests_total{method="GET",route="/v1/messages/{id}",status="404"} 1.0' in text
    assert "msg_x" not in text


async def test_a_trace_goes_on_and_a_bad_one_is_replaced(client: ClientSession) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01", "X-Request-Id": "mine-1"}
    async with client.get("/healthz", headers=headers) as response:
        assert response.headers["traceparent"].split("-")[1] == trace
        assert response.headers["X-Request-Id"] == "mine-1"
    async with client.get("/healthz", headers={"traceparent": "00-x", "X-Request-Id": "a b"}) as response:
        assert len(response.headers["traceparent"]) == 55
        assert response.headers["X-Request-Id"] != "a b"
