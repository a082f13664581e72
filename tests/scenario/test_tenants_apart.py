"""Two tenants at the same time: neither can see, change or guess anything of the other through the API."""

from __future__ import annotations

import pytest

from tests.support.gateway_client import GatewayClient
from tests.support.ledger import recipients
from tests.support.running import Running, campaign_when, until

pytestmark = pytest.mark.stack


def test_a_tenant_sees_nothing_of_another(stack: Running) -> None:
    ours, theirs = (
        stack.api_of(stack.cli("tenant", "create", name, "--balance", "50")["api_key"]) for name in ("ours", "theirs")
    )
    numbers = stack.german(20)
    campaigns = {}
    for api in (ours, theirs):
        campaigns[api] = api.post(
            "/v1/campaigns", {"name": "Apart", "from": "Shop", "body": "Hi", "recipients": recipients(numbers)}
        ).id
    single = theirs.post("/v1/messages", {"to": numbers[0], "from": "Shop", "body": "Hi", "client_ref": "r-1"}).id
    for api, campaign in campaigns.items():
        campaign_when(api, campaign, lambda seen: seen["counts"]["delivered"] == 20, 30)
    until(lambda: theirs.message(single)["status"] == "delivered", 30)

    assert [row["id"] for row in ours.get("/v1/campaigns").body["campaigns"]] == [campaigns[ours]]
    listed = ours.listed(to=numbers[0])
    assert len(listed) == 1 and listed[0]["id"].startswith(campaigns[ours].replace("cmp_", "msg_"))
    assert ours.listed(client_ref="r-1") == []
    assert len(ours.listed()) == 20
    until(lambda: ours.get("/v1/balance").body["balance"] == "49.8000", 30)
    until(lambda: theirs.get("/v1/balance").body["balance"] == "49.7900", 30)
    assert foreign_answers(ours, campaigns[theirs], single) == {404}


def foreign_answers(api: GatewayClient, campaign: str, message: str) -> set[int]:
    """The statuses of everything one can do with ids that belong to somebody else."""
    first = f"{campaign.replace('cmp_', 'msg_')}_0_0"
    asked = [
        api.get(path)
        for path in (
            f"/v1/campaigns/{campaign}",
            f"/v1/campaigns/{campaign}/messages",
            f"/v1/campaigns/{campaign}/rejections",
            f"/v1/messages/{message}",
            f"/v1/messages/{first}",
        )
    ]
    asked += [api.post(f"/v1/campaigns/{campaign}/{verb}") for verb in ("start", "cancel")]
    asked.append(api.upload(campaign, b'{"to": "+4915112345678"}\n', part=3))
    return {answer.status for answer in asked}
