"""The role as a whole, and uploads that end in the middle or are long."""

from __future__ import annotations

import asyncio
import json
from array import array
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from gateway import role as gateway_role
from gateway.app import Gateway
from gateway.recipients import part_rejections, uploads
from infra.postgres.admin_store import open_admin_store
from infra.runtime.role import RoleContext
from infra.services.ports import free_port
from tests.support.gateway_env import GatewayEnv, slices_of
from tests.support.waiting import until

pytestmark = pytest.mark.stack
NDJSON = {"Content-Type": "application/x-ndjson"}


async def draft(client: ClientSession) -> str:
    body = {"name": "Big", "from": "Shop", "body": "Hi {{name}}", "open": True}
    async with client.post("/v1/campaigns", json=body) as response:
        assert response.status == 202
        return str((await response.json())["id"])


def lines(first: int, count: int) -> bytes:
    return b"".join(
        json.dumps({"to": f"+491511{n:07d}", "variables": {"name": f"n{n}"}}).encode() + b"\n"
        for n in range(first, first + count)
    )


async def test_it_serves_until_the_stop(env: GatewayEnv) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    settings = env.settings.model_copy(update={"gateway": env.settings.gateway.model_copy(update={"port": free_port()})})
    running = asyncio.create_task(
        gateway_role.run(
            RoleContext(settings=settings, name="gateway", pool=None, instance="gateway-0", stop=stop, ready=ready.set)
        )
    )
    await asyncio.wait_for(ready.wait(), 60)
    async with ClientSession(f"http://127.0.0.1:{settings.gateway.port}") as session:
        async with session.get("/version") as response:
            assert (await response.json())["product"] == "sluice"
        stop.set()
        await asyncio.wait_for(running, 15)  # five seconds, on a machine of half the speed that stands still for two
    assert running.exception() is None


async def test_an_upload_that_breaks_off_leaves_nothing(client: ClientSession, url: str, env: GatewayEnv) -> None:
    campaign = await draft(client)
    address = urlsplit(url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(
        (
            f"POST /v1/campaigns/{campaign}/recipients HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n"
            f"Content-Type: application/x-ndjson\r\nUpload-Part: 1\r\nAuthorization: Bearer {env.key}\r\n\r\n"
        ).encode()
        + lines(0, 5000)
    )
    await writer.drain()
    writer.transport.abort()
    async with client.post(
        f"/v1/campaigns/{campaign}/recipients", data=lines(7000, 3), headers=NDJSON | {"Upload-Part": "1"}
    ) as response:
        assert (response.status, (await response.json())["accepted"]) == (202, 3)
    slices = [s for _, s in slices_of(env.settings.kafka.bootstrap or "", "ingest-marketing") if s.campaign == campaign]
    assert [(s.part, s.size, array("I", s.indexes).tolist()) for s in slices] == [(1, 3, [0, 1, 2])]


async def test_a_long_upload(client: ClientSession, gateway: Gateway, env: GatewayEnv) -> None:
    campaign, count = await draft(client), 60_000
    async with client.post(
        f"/v1/campaigns/{campaign}/recipients", data=lines(0, count) + b"\n{\n" * 250, headers=NDJSON
    ) as response:
        part = await response.json()
    assert (part["accepted"], part["rejected_count"], len(part["rejected"])) == (count, 250, 100)
    sizes = [s.size for _, s in slices_of(env.settings.kafka.bootstrap or "", "ingest-marketing") if s.campaign == campaign]
    assert sum(sizes) == count and len(sizes) == count // 500
    rejected = 0
    cursor: dict[str, str] = {}
    while True:
        async with client.get(f"/v1/campaigns/{campaign}/rejections", params={"limit": "100", **cursor}) as response:
            page = await response.json()
        rejected += len(page["rejections"])
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert rejected == 250
    assert not gateway.limits.uploads.reserved and not gateway.limits.spool.reserved


async def upload(client: ClientSession, campaign: str, data: bytes | AsyncIterator[bytes], part: int = 1) -> tuple[int, str]:
    async with client.post(
        f"/v1/campaigns/{campaign}/recipients", data=data, headers=NDJSON | {"Upload-Part": str(part)}
    ) as response:
        return response.status, (await response.json()).get("code", "")


async def test_an_upload_that_drips_gives_its_place_to_others(
    client: ClientSession, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "GRACE_SECONDS", 0.3)
    campaign, ended = await draft(client), asyncio.Event()

    async def drip() -> AsyncIterator[bytes]:
        while not ended.is_set():
            yield b" "
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), 0.02)

    dripping = asyncio.create_task(upload(client, campaign, drip()))
    try:
        await until(lambda: gateway.limits.uploads.reserved == 1)
        assert await upload(client, campaign, lines(0, 3), 2) == (202, "")
        await until(lambda: gateway.limits.uploads.reserved == 0)
    finally:
        ended.set()
    assert (await dripping)[0] == 408
    assert gateway.limits.spool.reserved == 0


async def test_what_an_upload_may_be_and_leave_behind_is_bounded(
    client: ClientSession, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_rejections, "MAX_REJECTIONS", 10)
    campaign, most = await draft(client), gateway.limits.upload_bytes
    assert await upload(client, campaign, b"x\n" * 11, 1) == (422, "too_many_rejections")
    assert await upload(client, campaign, b"x\n" * 10, 2) == (202, "")
    object.__setattr__(gateway.limits, "upload_bytes", 100)
    try:
        assert await upload(client, campaign, b"x" * 101, 3) == (413, "too_large")
    finally:
        object.__setattr__(gateway.limits, "upload_bytes", most)
    assert not gateway.limits.uploads.reserved and not gateway.limits.spool.reserved


async def test_a_key_that_is_revoked_while_its_upload_comes(
    client: ClientSession, gateway: Gateway, url: str, env: GatewayEnv
) -> None:
    campaign = await draft(client)
    with open_admin_store(env.postgres) as store:
        made = store.create_key("account", "leaked")

        async def body() -> AsyncIterator[bytes]:
            yield lines(0, 5)
            store.revoke_key(made["id"])
            await gateway.accounts.refresh()
            yield lines(5, 5)

        async with (
            ClientSession(url, headers={"Authorization": f"Bearer {made['api_key']}"}) as leaked,
            leaked.post(f"/v1/campaigns/{campaign}/recipients", data=body(), headers=NDJSON) as response,
        ):
            assert (response.status, (await response.json(content_type=None))["code"]) == (401, "unauthorized")
    async with client.get(f"/v1/campaigns/{campaign}") as response:
        assert (await response.json())["counts"]["accepted"] == 0


async def test_uploads_of_the_same_part_at_once_count_once(client: ClientSession) -> None:
    campaign = await draft(client)

    async def upload() -> tuple[int, object]:
        async with client.post(
            f"/v1/campaigns/{campaign}/recipients", data=lines(0, 700), headers=NDJSON | {"Upload-Part": "0"}
        ) as response:
            return response.status, await response.json()

    answers = await asyncio.gather(*(upload() for _ in range(4)))
    assert all(answer == answers[0] for answer in answers) and answers[0][0] == 202
    async with client.get(f"/v1/campaigns/{campaign}") as response:
        shown = await response.json()
    assert (shown["counts"]["accepted"], shown["counts"]["queued"], shown["status"]) == (700, 700, "draft")


async def test_start_and_upload_race_without_loss(client: ClientSession) -> None:
    campaign = await draft(client)

    async def upload(part: int) -> int:
        async with client.post(
            f"/v1/campaigns/{campaign}/recipients", data=lines(part * 100, 100), headers=NDJSON | {"Upload-Part": str(part)}
        ) as response:
            return 100 if response.status == 202 else 0

    async def start() -> int:
        async with client.post(f"/v1/campaigns/{campaign}/start") as response:
            assert response.status == 202
        return 0

    counted = sum(await asyncio.gather(upload(0), upload(1), start(), upload(2), upload(3)))
    async with client.get(f"/v1/campaigns/{campaign}") as response:
        shown = await response.json()
    assert (shown["status"] in ("running", "completed"), shown["counts"]["accepted"]) == (True, counted)
