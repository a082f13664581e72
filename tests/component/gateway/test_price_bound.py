"""A price that no amount can hold is refused with the bound, whichever call it comes with, and nothing is written.

In: routes of 50,000 and of a billion a segment. Out: 422 with the pointer and the most that an amount can be.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientSession

from infra.postgres.admin_store import open_admin_store
from infra.settings.model import RouteSettings
from tests.support.gateway_env import GatewayEnv, slices_of

pytestmark = pytest.mark.stack
LONG = "x" * 153 * 255
DEAR, DEAREST = "+47400", "+46701"
BOUND = "100000000000.0000"


@pytest.fixture(autouse=True)
def routes(env: GatewayEnv) -> None:
    """Before a gateway reads them."""
    with open_admin_store(env.postgres) as store:
        for prefix, price in ((DEAR, "50000"), (DEAREST, "1000000000")):
            store.routes.seed(RouteSettings(prefix=prefix, carriers=["far"], price=Decimal(price)))


def campaign(**more: Any) -> dict[str, Any]:
    recipients = [{"to": f"{DEAR}{n:05d}"} for n in range(9_000)]
    return {"name": "Dear", "from": "Shop", "body": LONG, "recipients": recipients} | more


async def refused(client: ClientSession, path: str, body: Any, content: str = "application/json") -> list[tuple[str, str]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with client.post(path, data=data, headers={"Content-Type": content}) as response:
        problem = await response.json(content_type=None)
    assert response.status == 422 and BOUND in problem["detail"], (response.status, str(problem)[:300])
    return [(fault["pointer"], fault["code"]) for fault in problem["errors"]]


async def test_every_call_refuses_it_with_the_bound(client: ClientSession, env: GatewayEnv) -> None:
    one = {"to": f"{DEAREST}234567", "from": "Shop", "body": LONG}
    assert await refused(client, "/v1/preview", campaign()) == [("/recipients", "amount_out_of_range")]
    assert await refused(client, "/v1/campaigns", campaign()) == [("/recipients", "amount_out_of_range")]
    assert await refused(client, "/v1/campaigns", campaign(open=True)) == [("/recipients", "amount_out_of_range")]
    assert await refused(client, "/v1/messages", one) == [("/body", "amount_out_of_range")]
    async with client.post("/v1/campaigns", json=campaign(open=True, recipients=[])) as response:
        draft = (await response.json())["id"]
    lines = b"\n".join(json.dumps(one).encode() for one in campaign()["recipients"])
    path = f"/v1/campaigns/{draft}/recipients"
    assert await refused(client, path, lines, "application/x-ndjson") == [("/recipients", "amount_out_of_range")]
    kafka = env.settings.kafka.bootstrap or ""
    assert not [s for _, s in slices_of(kafka, "ingest-transactional") if s.body == LONG]
