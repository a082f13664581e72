"""5. Texts: placeholders, segments, and what a campaign would come to.

`{{name}}` stands for a variable of the recipient; everything else goes out as it was written. `POST /v1/preview` takes the
body of a campaign and tells segments, price and routes without sending.
"""

from __future__ import annotations

import pytest

from tests.support.running import Running, until

pytestmark = pytest.mark.stack


def test_each_recipient_gets_his_own_text(stack: Running) -> None:
    names = ("Al", "Barbara", "Konstantina")
    numbers = stack.german(3)
    campaign = stack.api.post(
        "/v1/campaigns",
        {
            "name": "Names",
            "from": "Shop",
            "body": "Dear {{ name }}, {not a placeholder}",
            "recipients": [{"to": number, "variables": {"name": name}} for number, name in zip(numbers, names, strict=True)],
        },
    ).id

    until(lambda: stack.api.campaign(campaign)["counts"]["delivered"] == 3, 30)

    octets = {f"+{entry.destination}": entry.octets for entry in stack.entries()}
    # The braces are escaped in GSM 7 bit: two octets each.
    assert [octets[number] for number in numbers] == [len(f"Dear {name}, {{not a placeholder}}") + 2 for name in names]


def test_a_long_text_goes_out_in_segments(stack: Running) -> None:
    (number,) = stack.german(1)
    answer = stack.api.post("/v1/messages", {"to": number, "from": "Sluice", "body": "x" * 400})
    assert (answer.body["encoding"], answer.body["segments"]) == ("gsm7", 3)

    until(lambda: stack.api.message(answer.id)["status"] == "delivered", 30)

    parts = [entry for entry in stack.entries() if entry.destination == number[1:]]
    assert [(entry.total, entry.sequence) for entry in parts] == [(3, 1), (3, 2), (3, 3)]
    assert len({entry.reference for entry in parts}) == 1 and sum(entry.octets for entry in parts) == 400
    assert stack.api.message(answer.id)["price"] == "0.0300"


def test_other_letters_cost_more_segments(stack: Running) -> None:
    (number,) = stack.german(1)

    answer = stack.api.post("/v1/messages", {"to": number, "from": "Sluice", "body": "Привет 👋" * 9})

    assert (answer.body["encoding"], answer.body["segments"]) == ("ucs2", 2)
    until(lambda: stack.api.message(answer.id)["status"] == "delivered", 30)


def test_smart_encoding_replaces_look_alikes(stack: Running) -> None:
    body = {"to": stack.german(1)[0], "from": "Sluice", "body": "It’s “free” …"}

    assert stack.api.post("/v1/messages", body).body["encoding"] == "ucs2"
    assert stack.api.post("/v1/messages", body | {"smart_encoding": True}).body["encoding"] == "gsm7"


def test_a_preview_tells_what_a_campaign_would_come_to(stack: Running) -> None:
    german, british = stack.german(2), stack.british(1)

    answer = stack.api.post(
        "/v1/preview",
        {
            "name": "Try",
            "from": "Shop",
            "body": "Hi {{name}}",
            "recipients": [
                {"to": german[0], "variables": {"name": "Ada"}},
                {"to": german[1], "variables": {"name": "x" * 200}},
                {"to": british[0], "variables": {"name": "Grace"}},
                {"to": "+49"},
            ],
        },
    )

    assert answer.status == 200
    assert {name: answer.body[name] for name in ("recipients", "encoding", "segments", "total_segments", "price")} == {
        "recipients": 3,
        "encoding": "gsm7",
        "segments": 2,
        "total_segments": 4,
        "price": "0.0600",
    }
    assert answer.body["routes"] == [{"carrier": "steady", "recipients": 2}, {"carrier": "rough", "recipients": 1}]
    assert [row["index"] for row in answer.body["rejected"]] == [3]
    sent = {entry.destination for entry in stack.entries()}
    assert sent.isdisjoint(number.removeprefix("+") for number in [*german, *british])
