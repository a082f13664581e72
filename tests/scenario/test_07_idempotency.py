"""7. Asking twice: with an `Idempotency-Key` a request is done once, however often it is sent.

The same key with the same body gives the same answer; with another body it is refused. A key belongs to its tenant.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.ledger import recipients, takings
from tests.support.running import Running, until

pytestmark = pytest.mark.stack


def test_the_same_request_is_done_once(stack: Running) -> None:
    (number,) = stack.german(1)
    wanted = {"to": number, "from": "Sluice", "body": "Once"}

    first = stack.api.post("/v1/messages", wanted, Idempotency_Key="order-77")
    again = stack.api.post("/v1/messages", wanted, Idempotency_Key="order-77")

    assert (again.status, again.body, again.headers["Idempotency-Replayed"]) == (202, first.body, "true")
    assert "Idempotency-Replayed" not in first.headers
    until(lambda: stack.api.message(first.id)["status"] == "delivered", 30)
    assert takings(stack.entries(), [number]) == {number: 1}


def test_another_body_under_the_same_key_is_refused(stack: Running) -> None:
    wanted = {"to": stack.german(1)[0], "from": "Sluice", "body": "One"}
    assert stack.api.post("/v1/messages", wanted, Idempotency_Key="order-78").status == 202

    assert stack.api.post("/v1/messages", wanted | {"body": "Two"}, Idempotency_Key="order-78").status == 422


def test_many_at_once_make_one_campaign(stack: Running) -> None:
    numbers = stack.german(20)
    wanted = {"name": "Once", "from": "Shop", "body": "Hi", "recipients": recipients(numbers)}

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: stack.api.post("/v1/campaigns", wanted, Idempotency_Key="campaign-5"), range(8)))

    assert {answer.status for answer in answers} <= {202, 409}
    made = {answer.id for answer in answers if answer.status == 202}
    assert len(made) == 1
    assert all("Retry-After" in answer.headers for answer in answers if answer.status == 409)
    until(lambda: stack.api.campaign(made.copy().pop())["counts"]["delivered"] == 20, 30)
    assert set(takings(stack.entries(), numbers).values()) == {1}


def test_a_key_belongs_to_its_tenant(stack: Running) -> None:
    other = stack.api_of(stack.cli("tenant", "create", "same-key", "--balance", "1")["api_key"])
    wanted = {"to": stack.german(1)[0], "from": "Sluice", "body": "Mine"}

    mine = stack.api.post("/v1/messages", wanted, Idempotency_Key="shared")
    theirs = other.post("/v1/messages", wanted | {"body": "Theirs"}, Idempotency_Key="shared")

    assert (mine.status, theirs.status) == (202, 202)
    assert mine.id != theirs.id
