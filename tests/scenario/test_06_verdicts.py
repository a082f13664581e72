"""6. Verdicts: every recipient that cannot be served is named, with its place and a stable code; the others go out.

What the gateway refuses never becomes a message. What a carrier refuses is `failed` with the carrier's code, what cannot
be delivered is `undelivered`.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.running import Running, until

pytestmark = pytest.mark.stack


def test_bad_recipients_are_named_and_the_others_go_out(stack: Running) -> None:
    good, another = stack.german(2)
    wanted: list[dict[str, Any]] = [
        {"to": good, "variables": {"name": "Ada"}},
        {"to": "015112345678", "variables": {"name": "B"}},
        {"to": "+4915112", "variables": {"name": "C"}},
        {"to": "+49 151 abc", "variables": {"name": "D"}},
        {"to": another, "variables": {}},
        {"to": f"00{good[1:5]} {good[5:]}", "variables": {"name": "E"}},
    ]

    answer = stack.api.post("/v1/campaigns", {"name": "Mixed", "from": "Shop", "body": "Hi {{name}}", "recipients": wanted})

    assert (answer.status, answer.body["accepted"]) == (202, 1)
    assert [(row["index"], row["pointer"], row["code"]) for row in answer.body["rejected"]] == [
        (1, "/recipients/1/to", "national_format"),
        (2, "/recipients/2/to", "invalid_number"),
        (3, "/recipients/3/to", "bad_character"),
        (4, "/recipients/4/variables/name", "missing_variable"),
        (5, "/recipients/5/to", "duplicate"),
    ]
    until(lambda: stack.api.campaign(answer.id)["status"] == "completed", 30)
    seen = stack.api.campaign(answer.id)
    assert (seen["counts"]["accepted"], seen["rejected_count"]) == (1, 5)
    assert len(list(stack.api.pages(f"/v1/campaigns/{answer.id}/rejections", "rejections"))) == 5


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"to": "+49"}, "/to"),
        ({"from": "far too long a name"}, "/from"),
        ({"body": ""}, "/body"),
        ({"colour": "red"}, "/colour"),
        ({"lane": "express"}, "/lane"),
    ],
)
def test_a_single_message_that_cannot_be_sent_is_refused_with_its_place(
    stack: Running, change: dict[str, str], pointer: str
) -> None:
    answer = stack.api.post("/v1/messages", {"to": "+4915112345678", "from": "Sluice", "body": "Hi"} | change)

    assert (answer.status, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert [error["pointer"] for error in answer.body["errors"]] == [pointer]


def test_what_the_carrier_refuses_is_failed_with_its_code(stack: Running) -> None:
    identity = stack.api.post("/v1/messages", {"to": "+4915188888666", "from": "Sluice", "body": "Hi"}).id

    until(lambda: stack.api.message(identity)["status"] == "failed", 30)

    assert stack.api.message(identity)["reason"] == "carrier_permanent"


def test_what_the_carrier_cannot_deliver_is_undelivered(stack: Running) -> None:
    stack.rough.behave(states={"UNDELIV": 1})
    try:
        identity = stack.api.post("/v1/messages", {"to": stack.british(1)[0], "from": "Sluice", "body": "Hi"}).id
        until(lambda: stack.api.message(identity)["status"] == "undelivered", 30)
    finally:
        stack.rough.behave()

    assert stack.api.message(identity)["reason"] == "carrier_undelivered"


def test_a_campaign_with_failures_says_so(stack: Running) -> None:
    campaign = stack.api.post(
        "/v1/campaigns",
        {"name": "Some", "from": "Shop", "body": "Hi", "recipients": [{"to": "+4915177777666"}, {"to": stack.german(1)[0]}]},
    ).id

    until(lambda: stack.api.campaign(campaign)["status"] == "completed_with_failures", 30)

    assert [row["to"] for row in stack.api.messages(campaign, status="failed")] == ["+4915177777666"]


def test_an_unknown_id_and_an_unknown_path_are_404(stack: Running) -> None:
    for path in (
        "/v1/campaigns/cmp_00000000000000000000000000",
        "/v1/messages/msg_00000000000000000000000000",
        "/v1/messages/nonsense",
        "/v1/opt-outs",
        "/v1/nothing",
    ):
        assert stack.api.get(path).status == 404, path
