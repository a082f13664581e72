"""17. Cancel a message: one that waits is not sent; its neighbours in the same chunk go on; what a carrier has stays sent.

Either it goes or it is canceled, never both, and its money is free again.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from schemas.values.command_status import ESME_RSYSERR
from tests.support.ledger import recipients, settled, takings
from tests.support.running import Running, campaign_when, until

pytestmark = pytest.mark.stack


def ahead(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_a_message_that_waits_for_its_time_is_canceled_and_its_neighbours_go(stack: Running) -> None:
    numbers = stack.german(24)
    due = ahead(6)

    def send(number: str) -> str:
        body = {"to": number, "from": "Shop", "body": "Later", "send_at": due}
        return stack.api.post("/v1/messages", body).id

    with ThreadPoolExecutor(24) as callers:
        sent = dict(zip(numbers, callers.map(send, numbers), strict=True))
        canceled = set(numbers[::3])
        first = list(callers.map(lambda n: stack.api.post(f"/v1/messages/{sent[n]}/cancel").status, sorted(canceled) * 2))
    assert set(first) == {202}  # also the second of two at once
    assert len({identity.split("-")[0] for identity in sent.values()}) < 24  # some share a chunk

    until(lambda: {stack.api.message(sent[n])["status"] for n in canceled} == {"canceled"}, 3, "canceled")
    until(lambda: {stack.api.message(sent[n])["status"] for n in numbers} == {"canceled", "delivered"}, 30)
    assert takings(stack.entries(), numbers) == {number: int(number not in canceled) for number in numbers}
    again = stack.api.post(f"/v1/messages/{sent[numbers[0]]}/cancel")
    assert (again.status, again.body) == (202, {"id": sent[numbers[0]], "status": "canceled"})


def test_what_a_carrier_has_is_not_called_back(stack: Running) -> None:
    [number] = stack.german(1)
    sent = stack.api.post("/v1/messages", {"to": number, "from": "Shop", "body": "Now"}).id
    until(lambda: stack.api.message(sent)["status"] == "delivered", 30)
    answer = stack.api.post(f"/v1/messages/{sent}/cancel")
    assert (answer.status, answer.body["code"]) == (409, "already_started")
    assert answer.body["errors"] == [{"pointer": "/status", "code": "delivered", "detail": answer.body["detail"]}]


def test_an_unknown_or_foreign_message_is_not_there(stack: Running) -> None:
    [number] = stack.german(1)
    sent = stack.api.post("/v1/messages", {"to": number, "from": "Shop", "body": "x", "send_at": ahead(3600)}).id
    tenant = stack.cli("tenant", "create", "cancels-others", "--balance", "100")
    api = stack.api_of(tenant["api_key"])
    until(lambda: api.get("/v1/balance").status == 200, 30)
    assert api.post(f"/v1/messages/{sent}/cancel").status == 404
    assert stack.api.post("/v1/messages/msg_01HZZZZZZZZZZZZZZZZZZZZZZZ/cancel").status == 404
    assert stack.cli("message", "cancel", sent)["status"] in ("canceled", "scheduled", "accepted")
    until(lambda: stack.api.message(sent)["status"] == "canceled", 5)


def test_one_message_of_a_campaign_without_room_is_canceled(slow_carrier: Running) -> None:
    stack = slow_carrier
    numbers = stack.british(150)
    until(lambda: stack.cli("carrier", "show", "rough")["rate"] == 20, 30)
    campaign = stack.api.post(
        "/v1/campaigns", {"name": "One less", "from": "Shop", "body": "Hi", "recipients": recipients(numbers)}
    ).id
    until(lambda: len(stack.api.messages(campaign)) == 150, 30)
    root = campaign[4:]
    chosen = [f"msg_{root}_0_{index}" for index in (149, 148, 147)]
    for identity in chosen:
        assert stack.api.post(f"/v1/messages/{identity}/cancel").status == 202
    until(lambda: {stack.api.message(one)["status"] for one in chosen} == {"canceled"}, 3, "canceled")
    seen = campaign_when(stack.api, campaign, lambda seen: settled(seen["counts"]), 60)
    assert seen["status"] == "completed"
    assert {name: count for name, count in seen["counts"].items() if count} == {
        "accepted": 150,
        "delivered": 147,
        "canceled": 3,
    }
    assert takings(stack.rough.entries(), numbers) == {n: int(i < 147) for i, n in enumerate(numbers)}


def test_a_cancel_that_meets_the_release_goes_one_way(stack: Running) -> None:
    numbers = stack.german(40)
    due = time.time() + 3
    when = datetime.fromtimestamp(due, UTC).isoformat()
    sent = {
        number: stack.api.post("/v1/messages", {"to": number, "from": "Shop", "body": "Race", "send_at": when}).id
        for number in numbers
    }
    answers: dict[str, int] = {}

    def cancel(number: str, at: float) -> None:
        threading.Event().wait(max(0.0, at - time.time()))
        answers[number] = stack.api.post(f"/v1/messages/{sent[number]}/cancel").status

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(cancel, numbers, [due - 0.3 + n * 0.02 for n in range(40)]))
    until(lambda: {stack.api.message(i)["status"] for i in sent.values()} <= {"canceled", "delivered"}, 30)
    taken = takings(stack.entries(), numbers)
    for number, identity in sent.items():
        status = stack.api.message(identity)["status"]
        assert taken[number] == (status == "delivered"), (number, status)
        assert status == "canceled" or answers[number] in (202, 409)
        assert not (status == "canceled" and answers[number] == 409)


def test_one_that_waits_for_another_try_is_canceled_before_that(stack: Running) -> None:
    refused, neighbour = stack.british(2)
    stack.rough.behave(error_suffixes={refused[1:]: ESME_RSYSERR})
    try:
        sent = {
            number: stack.api.post("/v1/messages", {"to": number, "from": "Shop", "body": "Again", "lane": "otp"}).id
            for number in (refused, neighbour)
        }
        until(lambda: stack.api.message(sent[refused])["reason"] == "carrier_transient", 30)
        asked_at = time.monotonic()
        assert stack.api.post(f"/v1/messages/{sent[refused]}/cancel").status == 202
        until(lambda: stack.api.message(sent[refused])["status"] == "canceled", 8, "canceled")
        assert time.monotonic() - asked_at < 8  # the rung is ten seconds
        until(lambda: stack.api.message(sent[neighbour])["status"] == "delivered", 30)
    finally:
        stack.rough.behave()
    tried = [entry for entry in stack.rough.entries() if entry.destination == refused[1:]]
    assert [entry.status for entry in tried] == [ESME_RSYSERR]
    way = [hop["hop"] for hop in stack.api.get(f"/v1/messages/{sent[refused]}/trace").body["hops"]]
    assert way[-1] == "canceled" and way.count("called") == 1
