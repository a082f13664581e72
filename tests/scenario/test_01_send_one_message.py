"""1. Send one message and see it delivered.

One POST. The answer comes when Kafka has the message; from then on it can be asked for by its id. The carrier here is
the simulator, which takes what it gets and reports it delivered.
"""

from __future__ import annotations

from functools import partial

import pytest

from tests.support.gateway_client import GatewayClient
from tests.support.ledger import takings
from tests.support.running import Running, until

pytestmark = pytest.mark.stack


def test_a_message_is_accepted_sent_and_delivered(stack: Running) -> None:
    (number,) = stack.german(1)

    answer = stack.api.post("/v1/messages", {"to": number, "from": "Sluice", "body": "Hello", "client_ref": "order-1"})

    assert answer.status == 202
    assert answer.body == {"id": answer.id, "status": "accepted", "encoding": "gsm7", "segments": 1}
    assert answer.headers["Location"] == f"/v1/messages/{answer.id}"
    assert answer.headers["X-Request-Id"] and answer.headers["Traceparent"]

    until(lambda: stack.api.message(answer.id)["status"] == "delivered", 30)
    message = stack.api.message(answer.id)
    assert {name: message[name] for name in ("to", "reason", "segments", "price", "currency", "carrier", "client_ref")} == {
        "to": number,
        "reason": None,
        "segments": 1,
        "price": "0.0100",
        "currency": "EUR",
        "carrier": "steady",
        "client_ref": "order-1",
    }
    assert takings(stack.entries(), [number]) == {number: 1}


def test_a_message_can_be_asked_for_at_once(stack: Running) -> None:
    (number,) = stack.german(1)

    identity = stack.api.post("/v1/messages", {"to": number, "from": "Sluice", "body": "At once"}).id

    assert stack.api.get(f"/v1/messages/{identity}").status == 200


def test_a_message_is_found_by_its_number_and_its_reference(stack: Running) -> None:
    (number,) = stack.german(1)
    identity = stack.api.post(
        "/v1/messages", {"to": number, "from": "Sluice", "body": "Find me", "client_ref": f"ref-{number}"}
    ).id

    for query in ({"to": number}, {"client_ref": f"ref-{number}"}):
        found = until(partial(stack.api.listed, **query), 30)
        assert [row["id"] for row in found] == [identity]


def test_every_lane_delivers(stack: Running) -> None:
    lanes = ("otp", "transactional", "marketing")
    sent = {
        lane: stack.api.post("/v1/messages", {"to": number, "from": "Sluice", "body": "1234", "lane": lane}).id
        for lane, number in zip(lanes, stack.german(3), strict=True)
    }

    for lane, identity in sent.items():
        until(partial(delivered, stack, identity), 30, lane)
    assert {stack.api.message(identity)["carrier"] for identity in sent.values()} == {"steady"}


def delivered(stack: Running, identity: str) -> bool:
    return bool(stack.api.message(identity)["status"] == "delivered")


def test_without_a_key_nothing_goes(stack: Running) -> None:
    wanted = {"to": stack.german(1)[0], "from": "Sluice", "body": "Hello"}

    for key in (None, "sk_wrong_key", stack.line["api_key"] + "x"):
        answer = stack.api_of(key).post("/v1/messages", wanted)
        assert (answer.status, answer.headers["Content-Type"]) == (401, "application/problem+json")


def test_what_is_not_built_is_refused_with_its_place(stack: Running) -> None:
    wanted = {"to": stack.german(1)[0], "from": "Sluice", "body": "Later", "callback_url": "https://example.com/x"}

    answer = stack.api.post("/v1/messages", wanted)

    assert answer.status == 422
    assert [(error["pointer"], error["code"]) for error in answer.body["errors"]] == [("/callback_url", "unsupported")]


def test_the_command_line_sends_too(stack: Running) -> None:
    (number,) = stack.german(1)

    said = stack.cli("send", "--from", "Sluice", "--to", number, "--body", "From the command line", "--lane", "otp")

    until(lambda: stack.cli("message", "show", said["id"])["status"] == "delivered", 30)
    assert stack.cli("message", "show", said["id"])["to"] == number


def test_over_its_rate_an_account_is_told_when_to_come_again(stack: Running) -> None:
    tenant = stack.cli("tenant", "create", "eager", "--balance", "10")
    stack.cli("tenant", "set", "eager", "--request-rate", "0.2", "--request-burst", "3")
    api = stack.api_of(tenant["api_key"])
    until(lambda: limited(api), 30)
    key = {"Idempotency_Key": "once"}
    body = {"to": stack.german(1)[0], "from": "Shop", "body": "Hi"}
    until(lambda: api.post("/v1/messages", body).status == 429, 30)
    last = api.post("/v1/messages", body, **key)
    assert (last.status, last.body["code"]) == (429, "rate_limited")
    assert 1 <= int(last.headers["Retry-After"]) <= 5
    assert last.headers["RateLimit"].startswith('"tenant";r=0')

    stack.cli("tenant", "set", "eager", "--request-rate", "0")
    until(lambda: api.get("/v1/balance").status == 200 and not limited(api), 30)
    first = api.post("/v1/messages", body, **key)
    assert first.status == 202 and first.headers["Idempotency-Replayed"] is None
    assert first.headers["RateLimit"] is None


def limited(api: GatewayClient) -> bool:
    """Whether answers speak of a limit."""
    return api.get("/v1/balance").headers["RateLimit-Policy"] is not None
