"""3. A draft, filled part by part, then started.

`open: true` makes a draft. Parts are uploaded as NDJSON, one recipient a line, in any number and size; a part that is
uploaded again with the same bytes is the same part. Nothing is sent before `start`.
"""

from __future__ import annotations

import json

import pytest

from tests.support.ledger import disagreements, takings
from tests.support.running import Running, campaign_when, until

pytestmark = pytest.mark.stack


def lines(numbers: list[str], **variables: str) -> bytes:
    return "".join(json.dumps({"to": number, "variables": variables}) + "\n" for number in numbers).encode()


def draft(stack: Running, body: str = "Hello") -> str:
    answer = stack.api.post("/v1/campaigns", {"name": "Draft", "from": "Shop", "body": body, "open": True})
    assert answer.body["status"] == "draft"
    return answer.id


def test_parts_are_uploaded_and_the_campaign_is_started(stack: Running) -> None:
    numbers = stack.german(600)
    campaign = draft(stack, "Hello {{name}}")

    first = stack.api.upload(campaign, lines(numbers[:400], name="Ada"), part=1)
    second = stack.api.upload(campaign, lines(numbers[400:], name="Grace"), part=2)
    assert (first.status, first.body) == (202, {"part": 1, "accepted": 400, "rejected_count": 0, "rejected": []})
    assert (second.status, second.body["accepted"]) == (202, 200)
    waiting = campaign_when(stack.api, campaign, lambda seen: seen["waiting"] is not None, 30)
    assert (waiting["status"], waiting["waiting"]["reason"]) == ("draft", "draft")
    assert (waiting["counts"]["accepted"], waiting["counts"]["queued"]) == (600, 600)
    assert set(takings(stack.entries(), numbers).values()) == {0}, "a draft sends nothing"

    for _ in range(2):
        answer = stack.api.post(f"/v1/campaigns/{campaign}/start")
        assert (answer.status, answer.body) == (202, {"id": campaign, "status": "running"})

    until(lambda: stack.api.campaign(campaign)["counts"]["delivered"] == 600, 30)
    last = stack.api.campaign(campaign)
    assert last["status"] == "completed"
    assert disagreements(last["counts"], stack.api.messages(campaign), numbers, stack.entries()) == []


def test_the_same_part_again_changes_nothing(stack: Running) -> None:
    numbers = stack.german(3)
    campaign = draft(stack)
    first = stack.api.upload(campaign, lines(numbers), part=7)

    again = stack.api.upload(campaign, lines(numbers), part=7)

    assert (again.status, again.body, again.headers["Idempotency-Replayed"]) == (202, first.body, "true")
    assert stack.api.campaign(campaign)["counts"]["accepted"] == 3


def test_other_bytes_under_a_known_part_are_refused(stack: Running) -> None:
    campaign = draft(stack)
    assert stack.api.upload(campaign, lines(stack.german(3)), part=7).status == 202

    answer = stack.api.upload(campaign, lines(stack.german(3)), part=7)

    assert (answer.status, answer.body["code"]) == (422, "part_conflict")
    assert stack.api.campaign(campaign)["counts"]["accepted"] == 3


def test_bad_lines_are_named_and_the_others_count(stack: Running) -> None:
    good = stack.german(2)
    campaign = draft(stack)
    content = lines(good[:1]) + b'{"to": "not a number"}\n{"to": 5}\nno json\n' + lines(good[1:]).rstrip(b"\n")

    answer = stack.api.upload(campaign, content, part=0)

    assert (answer.body["accepted"], answer.body["rejected_count"]) == (2, 3)
    assert [(row["index"], row["code"] != "") for row in answer.body["rejected"]] == [(1, True), (2, True), (3, True)]
    rejections = list(stack.api.pages(f"/v1/campaigns/{campaign}/rejections", "rejections"))
    assert [(row["part"], row["index"]) for row in rejections] == [(0, 1), (0, 2), (0, 3)]
    assert stack.api.campaign(campaign)["rejected_count"] == 3


def test_after_start_no_part_is_taken(stack: Running) -> None:
    campaign = draft(stack)
    assert stack.api.upload(campaign, lines(stack.german(1)), part=1).status == 202
    assert stack.api.post(f"/v1/campaigns/{campaign}/start").status == 202

    answer = stack.api.upload(campaign, lines(stack.german(1)), part=2)

    assert answer.status == 409
    until(lambda: stack.api.campaign(campaign)["status"] == "completed", 30)
    assert stack.api.campaign(campaign)["counts"]["accepted"] == 1


def test_inline_and_uploaded_recipients_go_together(stack: Running) -> None:
    inline, uploaded = stack.german(2), stack.german(3)
    campaign = stack.api.post(
        "/v1/campaigns",
        {"name": "Both", "from": "Shop", "body": "Hi", "open": True, "recipients": [{"to": number} for number in inline]},
    ).id
    assert stack.api.upload(campaign, lines(uploaded), part=1).status == 202
    assert stack.api.post(f"/v1/campaigns/{campaign}/start").status == 202

    until(lambda: stack.api.campaign(campaign)["counts"]["delivered"] == 5, 30)
    ids = {row["id"] for row in stack.api.messages(campaign)}
    root = campaign.removeprefix("cmp_")
    assert ids == {f"msg_{root}_0_{n}" for n in range(2)} | {f"msg_{root}_1_{n}" for n in range(3)}
