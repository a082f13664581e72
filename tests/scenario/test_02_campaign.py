"""2. A campaign: one text to many, in one call.

Up to 10,000 recipients travel inside the request. It starts at once. Its counts add up at any moment.
"""

from __future__ import annotations

import os

import pytest

from tests.support.ledger import adds_up, disagreements, recipients
from tests.support.running import Running, campaign_when, until

pytestmark = pytest.mark.stack


def test_a_campaign_is_delivered(stack: Running) -> None:
    numbers = stack.german(200)

    answer = stack.api.post(
        "/v1/campaigns",
        {"name": "Spring sale", "from": "Shop", "body": "Everything must go", "recipients": recipients(numbers)},
    )

    assert answer.status == 202
    assert answer.body == {
        "id": answer.id,
        "status": "running",
        "accepted": 200,
        "rejected": [],
        "estimate": {"segments": 200, "price": "2.0000"},
    }
    first = stack.api.campaign(answer.id)
    assert first["counts"]["accepted"] == 200 and adds_up(first["counts"])

    campaign_when(stack.api, answer.id, lambda seen: seen["counts"]["delivered"] == 200, 30)
    last = campaign_when(stack.api, answer.id, lambda seen: seen["price"] == "2.0000", 30)
    assert (last["status"], last["rejected_count"], last["waiting"]) == ("completed", 0, None)
    assert adds_up(last["counts"])
    assert disagreements(last["counts"], stack.api.messages(answer.id), numbers, stack.entries()) == []


def test_campaigns_are_listed_newest_first(stack: Running) -> None:
    made = [
        stack.api.post(
            "/v1/campaigns", {"name": name, "from": "Shop", "body": "Hi", "recipients": recipients(stack.german(1))}
        ).id
        for name in ("older", "newer")
    ]

    listed = [row["id"] for row in stack.api.get("/v1/campaigns", limit=2).body["campaigns"]]

    assert listed == made[::-1]


def test_a_campaign_costs_at_most_what_it_may(stack: Running) -> None:
    answer = stack.api.post(
        "/v1/campaigns",
        {"name": "Dear", "from": "Shop", "body": "Hi", "max_price": "0.0199", "recipients": recipients(stack.german(2))},
    )

    assert (answer.status, answer.body["code"]) == (422, "max_price_exceeded")


def test_an_otp_campaign_uses_its_lane(stack: Running) -> None:
    numbers = stack.german(20)

    campaign = stack.api.post(
        "/v1/campaigns",
        {
            "name": "Codes",
            "from": "Shop",
            "lane": "otp",
            "body": "Code {{code}}",
            "recipients": recipients(numbers, code="123456"),
        },
    ).id

    until(lambda: stack.api.campaign(campaign)["counts"]["delivered"] == 20, 30)
    rows = until(lambda: stack.api.messages(campaign), 30)
    assert [row["price"] for row in rows] == ["0.0100"] * 20


def test_the_command_line_makes_and_watches_a_campaign(stack: Running) -> None:
    listing = stack.folder / "recipients.csv"
    listing.write_text("to,name\n" + "".join(f"{number},Ada\n" for number in stack.german(10)))

    made = stack.cli(
        "campaign", "create", str(listing), "--name", "From a file", "--from", "Shop", "--body", "Hi {{name}}", "--yes"
    )
    assert (made["accepted"], made["rejected_count"]) == (10, 0)

    assert stack.cli("campaign", "watch", made["id"])["status"] == "completed"
    assert stack.cli("campaign", "show", made["id"])["counts"]["accepted"] == 10


def test_a_file_gets_the_verdicts_of_the_api(stack: Running) -> None:
    first, second, third, fourth = stack.german(4)
    listing = stack.folder / "spoilt.csv"
    listing.write_bytes(f'\ufeffto,name\r\n{first},"Ada\r\n{second},Bo\r\n{third},"\r\n{fourth}\r\n'.encode())

    made = stack.cli(
        "campaign", "create", str(listing), "--name", "Spoilt", "--from", "Shop", "--body", "Hi {{name}}", "--draft"
    )

    assert (made["accepted"], [(row["index"], row["code"]) for row in made["rejected"]]) == (
        1,
        [(0, "bad_csv"), (2, "bad_csv"), (3, "field_count")],
    )
    draft = stack.api.post("/v1/campaigns", {"name": "Spoilt", "from": "Shop", "body": "Hi {{name}}", "open": True}).id
    assert stack.api.upload(draft, listing.read_bytes(), 1, "text/csv").body["rejected"] == made["rejected"]


def test_a_file_is_shown_before_it_is_sent(stack: Running) -> None:
    good, number = stack.german(2)
    listing = stack.folder / "shown.csv"
    listing.write_text(f"to,name\n{good},Ann\n{number},O’Hara\n0151 2345678,Bo\n")
    file = (str(listing), "--from", "Shop", "--body", "Hi {{name}}, {nmae}")
    known = len(list(stack.api.pages("/v1/campaigns", "campaigns")))

    shown = stack.cli("preview", *file)
    assert (shown["recipients"], shown["rejected_count"], shown["price"]) == (2, 1, "0.0200")
    assert [(one["row"], one["value"], one["code"]) for one in shown["rejected"]] == [(3, "0151 2345678", "national_format")]
    assert [one["text"] for one in shown["samples"]] == ["Hi Ann, {nmae}", "Hi O’Hara, {nmae}"]
    assert [one["code"] for one in shown["warnings"]] == ["odd_placeholder", "forces_ucs2"]
    told = stack.cli("preview", *file, output=None)
    for words in ("0.0200 EUR of ", " available", "0151 2345678", "Hi O’Hara, {nmae}", "did you mean {{name}}?", "row 2"):
        assert words in told, told
    assert "none" not in stack.cli("preview", "--from", "Shop", "--body", "Hi", "--to", good, output=None)

    made = ("campaign", "create", *file, "--name", "Shown")
    stack.cli(*made, code=1)
    stack.cli(*made, "--yes", "--max-rejected", "0", code=1)
    assert len(list(stack.api.pages("/v1/campaigns", "campaigns"))) == known
    sent = stack.cli(*made, "--yes", "--max-rejected", "1")
    assert (sent["accepted"], sent["segments"], sent["price"]) == (2, 2, "0.0200")
    [verdict] = sent["rejected"]
    assert (verdict["row"], verdict["value"]) == (3, "015*******78")
    kept = list(stack.api.pages(f"/v1/campaigns/{sent['id']}/rejections", "rejections"))
    assert kept == [verdict | {"part": 1}]
    assert stack.cli("campaign", "watch", sent["id"])["status"] == "completed"


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("y", 0)])
def test_somebody_at_a_terminal_is_asked(stack: Running, answer: str, code: int) -> None:
    listing = stack.folder / f"asked-{answer}.csv"
    listing.write_text(f"to\n{stack.german(1)[0]}\n")
    terminal, stdin = os.openpty()
    try:
        os.write(terminal, f"{answer}\n".encode())
        done = stack.run("campaign", "create", str(listing), "--name", answer, "--from", "Shop", "--body", "Hi", stdin=stdin)
    finally:
        os.close(terminal)
        os.close(stdin)

    assert (done.returncode, "Send 1 message for 0.0100 EUR?" in done.stderr) == (code, True), done.stderr
    made = [campaign["name"] for campaign in stack.api.pages("/v1/campaigns", "campaigns")]
    assert (answer in made) is (code == 0)
