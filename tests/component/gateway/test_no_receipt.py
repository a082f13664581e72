"""What is read of messages whose receipt never came: `sent`, with the reason `no_receipt`; their campaign is completed.

In: states as the sinks leave them. Out: the answers of GET.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from aiohttp import ClientSession

from schemas.values.reasons import Reason
from schemas.values.status import Status
from tests.support.gateway_env import GatewayEnv
from tests.support.gateway_rows import NUMBERS, Sinks, get, make

pytestmark = pytest.mark.stack


@pytest.fixture
def connection(env: GatewayEnv) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(env.postgres, autocommit=True) as opened:
        yield opened


async def test_sent_with_the_reason_and_the_campaign_is_completed(
    client: ClientSession, env: GatewayEnv, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    identity, slice_ = await make(client, env)
    sinks = Sinks(env, connection)
    sinks.payload(slice_)
    sinks.states(slice_, [Status.SENT] * len(NUMBERS))
    sinks.counts(slice_, {Status.SENT: len(NUMBERS)})
    connection.execute("UPDATE chunks SET reasons[1] = %s WHERE chunk = %s", (Reason.NO_RECEIPT.number, slice_.chunk))
    listed = (await get(client, f"/v1/campaigns/{identity}/messages", status="sent"))["messages"]
    assert [row["reason"] for row in listed] == ["no_receipt"] + [None] * (len(NUMBERS) - 1)
    one = await get(client, f"/v1/messages/{listed[0]['id']}")
    assert (one["status"], one["reason"]) == ("sent", "no_receipt")
    campaign = await get(client, f"/v1/campaigns/{identity}")
    assert (campaign["status"], campaign["counts"]["sent"]) == ("completed", len(NUMBERS))
