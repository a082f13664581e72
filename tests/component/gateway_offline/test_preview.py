"""A preview shows the texts, and warns of what a sender would regret: inline, and of a file of any size."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import ClientSession, FormData

from tests.support.gateway_offline import ListedOutbox

NUMBERS = [f"+491511234567{n}" for n in range(8)]


def campaign(body: str, *names: str, **changes: Any) -> dict[str, Any]:
    """A campaign to one recipient for each name."""
    people = [{"to": NUMBERS[n], "variables": {"first_name": name}} for n, name in enumerate(names)]
    return {"name": "x", "from": "Shop", "body": body, "recipients": people} | changes


async def shown(client: ClientSession, body: dict[str, Any]) -> dict[str, Any]:
    async with client.post("/v1/preview", json=body) as response:
        answer: dict[str, Any] = await response.json(content_type=None)
        assert response.status == 200, answer
        return answer


def form(wanted: dict[str, Any], recipients: bytes, kind: str = "text/csv") -> FormData:
    """The campaign and the file of its recipients."""
    made = FormData()
    made.add_field("campaign", json.dumps(wanted), content_type="application/json")
    made.add_field("recipients", recipients, content_type=kind, filename="recipients")
    return made


async def test_the_first_texts_the_longest_and_the_dearest_are_shown(client: ClientSession, outbox: ListedOutbox) -> None:
    names = ["Ann", "Bo", "Cy", "Di", "x" * 200, "Zoë", "Иван", "Eve"]
    answer = await shown(client, campaign("Hi {{first_name}}", *names))
    assert answer["samples"] == [
        {"to": NUMBERS[n], "text": f"Hi {names[n]}", "segments": segments}
        for n, segments in ((0, 1), (1, 1), (2, 1), (4, 2), (5, 1))
    ]
    assert (answer["currency"], answer["rejected_count"], answer["price"]) == ("EUR", 0, "0.6300")
    assert [warning["code"] for warning in answer["warnings"]] == ["forces_ucs2"]
    assert outbox.sent == []


async def test_a_text_without_placeholders_is_shown_as_it_goes_out(client: ClientSession) -> None:
    answer = await shown(client, campaign("It’s on", "Ann", smart_encoding=True))
    assert answer["samples"] == [{"to": NUMBERS[0], "text": "It's on", "segments": 1}] and answer["warnings"] == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("Hi {first_name}", [("odd_placeholder", "{first_name} at position 4 of the body")]),
        ("Hi {{first name}}", [("odd_placeholder", "did you mean {{first_name}}?")]),
        ("Hi {{FirstName }", [("odd_placeholder", "did you mean {{first_name}}?")]),
        ("Hi ${first_name}", [("odd_placeholder", "did you mean {{first_name}}?")]),
        ("Hi %first_name%", [("odd_placeholder", "%first_name% at position 4")]),
        ("Hi %(first_name)s", [("odd_placeholder", "did you mean")]),
        ("Hi [[first_name]] <<first_name>>", [("odd_placeholder", "[[first"), ("odd_placeholder", "<<first")]),
        ("Hi {{prénom}}", [("odd_placeholder", "a placeholder is written {{prenom}}")]),
        ("50% off, 100%sure {1} {} [a] {{{first_name}}}", []),
        ("Hi {{first_name}} " + "x" * 1520, [("many_segments", "the longest text has 10 segments")]),
        ("It’s {{first_name}}", [("forces_ucs2", "’ RIGHT SINGLE QUOTATION MARK (U+2019) at position 3 of the body")]),
        ("a\tb \t{{first_name}}", [("forces_ucs2", "(U+0009) at position 2 of the body, 2 in all, is not in GSM-7")]),
        ("Привет, {{first_name}}", []),
    ],
)
async def test_what_a_sender_would_regret(client: ClientSession, body: str, told: list[tuple[str, str]]) -> None:
    warnings = (await shown(client, campaign(body, "Ann")))["warnings"]
    assert [warning["code"] for warning in warnings] == [code for code, _ in told]
    for warning, (_, words) in zip(warnings, told, strict=True):
        assert words in warning["detail"]


async def test_a_placeholder_that_nobody_has_a_value_for(client: ClientSession) -> None:
    answer = await shown(client, campaign("Hi {{frist_name}}", "Ann", "Bo"))
    assert (answer["recipients"], answer["samples"], answer["rejected_count"]) == (0, [], 2)
    assert answer["warnings"] == [
        {
            "code": "unknown_variable",
            "detail": "no recipient has a value for {{frist_name}}; did you mean {{first_name}}?",
        }
    ]


async def test_a_value_that_makes_its_text_dear_is_named(client: ClientSession) -> None:
    body = campaign("Hi {{first_name}}", "Ann", "O’Hara")
    [warning] = (await shown(client, body))["warnings"]
    assert "at position 2 of the value of first_name in row 2" in warning["detail"]
    assert "smart_encoding puts a look-alike in its place" in warning["detail"]
    assert (await shown(client, body | {"smart_encoding": True}))["warnings"] == []


async def test_a_campaign_that_would_be_too_dear(client: ClientSession) -> None:
    answer = await shown(client, campaign("Hi", "Ann", "Bo", max_price="0.1000"))
    assert [warning["code"] for warning in answer["warnings"]] == ["max_price_exceeded"]
    assert "0.1400" in answer["warnings"][0]["detail"]


@pytest.mark.parametrize("kind", ["text/csv", "application/x-ndjson"])
async def test_a_file_gets_the_verdicts_of_an_upload(client: ClientSession, outbox: ListedOutbox, kind: str) -> None:
    rows = [(f"+49151{10_000_000 + n}", f"N{n}") for n in range(12_000)] + [("015112345678", "x")] * 150
    if kind == "text/csv":
        data = "to,first_name\n" + "".join(f"{to},{name}\n" for to, name in rows)
    else:
        data = "".join(f'{{"to": "{to}", "variables": {{"first_name": "{name}"}}}}\n' for to, name in rows)
    wanted = {"name": "x", "from": "Shop", "body": "Hi {{first_name}}"}
    async with client.post("/v1/preview", data=form(wanted, data.encode(), kind)) as response:
        answer = await response.json(content_type=None)
    assert response.status == 200, answer
    assert (answer["recipients"], answer["rejected_count"], len(answer["rejected"])) == (12_000, 150, 100)
    assert [(one["index"], one["pointer"], one["code"]) for one in answer["rejected"][:1]] == [
        (12_000, "/to", "national_format")
    ]
    assert answer["samples"][0] == {"to": rows[0][0], "text": "Hi N0", "segments": 1} and answer["price"] == "840.0000"
    assert outbox.sent == []


async def refusal(client: ClientSession, data: Any, **headers: str) -> tuple[int, str]:
    async with client.post("/v1/preview", data=data, headers=headers) as response:
        problem = await response.json(content_type=None)
    return response.status, problem["code"]


async def test_a_form_that_is_none_is_refused(client: ClientSession) -> None:
    wanted = {"name": "x", "from": "Shop", "body": "Hi"}
    file = b"to\n+4915112345678\n"
    kind = "multipart/form-data; boundary=B"
    head = '--B\r\nContent-Disposition: form-data; name="campaign"\r\n\r\n' + json.dumps(wanted)
    rows = '\r\n--B\r\nContent-Disposition: form-data; name="recipients"\r\nContent-Type: text/csv\r\n\r\nto\r\n'
    for data, headers, expected in (
        (form(wanted, file, "text/plain"), {}, (415, "unsupported_media_type")),
        (form(wanted, b"number\n1\n"), {}, (422, "missing_column")),
        (form(wanted | {"body": ""}, file), {}, (422, "out_of_range")),
        (form(campaign("Hi", "Ann"), file), {}, (422, "recipients_twice")),
        (b"x", {"Content-Type": "multipart/form-data"}, (400, "bad_form")),
        (b"", {"Content-Type": kind}, (400, "bad_form")),
        (b"x" * 100_000, {"Content-Type": kind}, (400, "bad_form")),
        (head.encode(), {"Content-Type": kind}, (400, "bad_form")),
        ((head + "\r\n--B--\r\n").encode(), {"Content-Type": kind}, (400, "bad_form")),
        ((head + rows).encode(), {"Content-Type": kind}, (400, "bad_form")),
        ((head + "\r\n--B\r\n" + "X: y\r\n" * 200 + "\r\n").encode(), {"Content-Type": kind}, (400, "bad_form")),
        ((head + "\r\n--B\r\n" + "X: " + "y" * 20_000 + "\r\n").encode(), {"Content-Type": kind}, (400, "bad_form")),
    ):
        assert await refusal(client, data, **headers) == expected, (data, headers)
    async with client.post("/v1/preview", data=form(wanted, file)) as response:
        assert response.status == 200 and (await response.json())["recipients"] == 1
    turned = FormData()
    turned.add_field("recipients", file, content_type="text/csv", filename="x")
    turned.add_field("campaign", json.dumps(wanted))
    async with client.post("/v1/preview", data=turned) as response:
        assert response.status == 200 and (await response.json())["recipients"] == 1
    turned = FormData()
    turned.add_field("recipient", file, content_type="text/csv", filename="x")
    assert await refusal(client, turned) == (400, "bad_form")
    more = form(wanted, file)
    more.add_field("more", "42")
    assert await refusal(client, more) == (400, "bad_form")
