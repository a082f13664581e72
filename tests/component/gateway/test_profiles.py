"""Messages and campaigns under a profile: what their chunks say, what GET shows, who may use which."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession

from gateway.app import Gateway
from infra.postgres.admin_store import open_admin_store
from schemas.records.slice import Slice
from schemas.values.profile import Profile
from tests.support.gateway_env import GatewayEnv, slices_of

pytestmark = pytest.mark.stack

NIGHT = Profile(name="night", lane="transactional", validity_seconds=600)
TO = {"to": "+4915112345678"}
CAMPAIGN = {"name": "Night", "from": "Shop", "body": "Hi", "profile": "night"}


async def post(client: ClientSession, path: str, body: Any, key: str | None = None) -> tuple[int, Any]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with client.post(path, json=body, headers=headers) as response:
        return response.status, await response.json()


@pytest.fixture
async def known(gateway: Gateway, env: GatewayEnv) -> None:
    """The gateway knows the profile `night`, and one of somebody else's."""
    with open_admin_store(env.postgres) as store:
        store.profiles.set(NIGHT)
        store.profiles.seed(Profile(name="theirs", tenants=("somebody",)))
    await gateway.accounts.refresh()


def cut(env: GatewayEnv, lane: str, key: str) -> list[Slice]:
    return [s for _, s in slices_of(env.settings.kafka.bootstrap or "", f"ingest-{lane}") if key in (s.campaign, s.chunk)]


@pytest.mark.usefixtures("known")
async def test_a_campaigns_chunks_say_their_profile_also_those_that_are_uploaded(
    client: ClientSession, env: GatewayEnv
) -> None:
    status, made = await post(client, "/v1/campaigns", CAMPAIGN | {"recipients": [TO], "open": True})
    assert status == 202, made
    path = f"/v1/campaigns/{made['id']}"
    async with client.post(
        f"{path}/recipients", data=b"to\n+4915112345679\n", headers={"Content-Type": "text/csv"}
    ) as response:
        assert response.status == 202
    async with client.get(path) as response:
        shown = await response.json()
    assert (shown["profile"], shown["lane"], shown["validity_seconds"]) == ("night", "transactional", 600)
    chunks = cut(env, "transactional", made["id"])
    assert [(s.profile, s.expires_at - s.due_at) for s in chunks] == [("night", 600_000)] * 2


@pytest.mark.usefixtures("known")
async def test_a_messages_own_words_come_before_its_profiles(client: ClientSession, env: GatewayEnv) -> None:
    message = TO | {"from": "Shop", "body": "Hi", "profile": "night"}
    _, plain = await post(client, "/v1/messages", message)
    _, own = await post(client, "/v1/messages", message | {"lane": "marketing", "validity_seconds": 60})
    [one], [other] = cut(env, "transactional", plain["id"]), cut(env, "marketing", own["id"])
    assert (one.profile, one.expires_at - one.due_at) == ("night", 600_000)
    assert (other.profile, other.expires_at - other.due_at) == ("night", 60_000)


@pytest.mark.usefixtures("known")
async def test_a_profile_gives_no_right_to_its_lane(client: ClientSession, env: GatewayEnv) -> None:
    status, problem = await post(client, "/v1/campaigns", CAMPAIGN | {"recipients": [TO]}, env.strict_key)
    assert (status, problem["code"], problem["errors"][0]["pointer"]) == (403, "lane_not_allowed", "/lane")
    status, problem = await post(client, "/v1/campaigns", CAMPAIGN | {"recipients": [TO], "profile": "theirs"})
    assert (status, problem["errors"][0]["code"]) == (422, "unknown_profile")
    assert "theirs" not in problem["errors"][0]["detail"].partition(";")[2] and "night" in problem["errors"][0]["detail"]
