"""The OpenAPI document: valid, complete, and silent about what is not built."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from gateway.campaigns.queries import _After, _AfterIndex
from gateway.http.query import INDEXED_CURSOR, PLACED_CURSOR, TIMED_CURSOR, read_cursor, write_cursor
from gateway.messages.queries import _Place
from gateway.openapi.document import describe
from gateway.routes import ROUTES
from schemas.values.phone.number import PhoneError, normalise
from schemas.values.sender import SenderError, parse_sender
from tests.support.gateway_offline import message


async def test_it_is_valid_and_served(client: ClientSession) -> None:
    async with client.get("/openapi.json", headers={"Authorization": ""}) as response:
        document = await response.json()
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert {(path, method) for path, item in document["paths"].items() for method in item} == {
        (route.path, route.method.lower()) for route in ROUTES
    }


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for item in describe(ROUTES, "1")["paths"].values() for operation in item.values()]
    assert len(set(names)) == len(names)


def test_what_is_not_built_is_absent() -> None:
    text = json.dumps(describe(ROUTES, "1"))
    for word in ("callback_url", "whatsapp", "webhooks"):
        assert word not in text, word


def test_every_guarded_path_says_so() -> None:
    for path, item in describe(ROUTES, "1")["paths"].items():
        for operation in item.values():
            assert ("security" in operation) == path.startswith("/v1/")
            assert ("401" in operation["responses"]) == path.startswith("/v1/")


def test_recipients_come_as_lines_or_as_a_table() -> None:
    upload = describe(ROUTES, "1")["paths"]["/v1/campaigns/{id}/recipients"]["post"]
    contents = upload["requestBody"]["content"]
    assert set(contents) == {"application/x-ndjson", "text/csv"}
    assert contents["text/csv"]["schema"]["type"] == "string" and contents["text/csv"]["example"].startswith("to,")
    assert "Upload-Part" in {parameter["name"] for parameter in upload["parameters"]}


async def test_the_registry_answers_as_described(client: ClientSession) -> None:
    paths = describe(ROUTES, "1")["paths"]
    for path, status in (
        ("/registry/subjects", 200),
        ("/registry/subjects/{subject}/versions", 404),
        ("/registry/subjects/{subject}/versions/{number}", 404),
        ("/registry/schemas/ids/{id}", 404),
    ):
        described = paths[path]["get"]["responses"][str(status)]["content"]
        async with client.get(path.format(subject="none", number=1, id="none")) as response:
            assert (response.status, [response.content_type]) == (status, list(described)), path


async def test_refusals_of_bodies_are_described(client: ClientSession) -> None:
    paths = describe(ROUTES, "1")["paths"]
    start = "/v1/campaigns/{id}/start"
    for path, body, kind, status in (
        (start, b"x", "application/json", 400),
        (start, b"{}", "text/plain", 415),
        (start, b"x" * 2000, "application/json", 413),
    ):
        async with client.post(path.format(id="cmp_" + "0" * 26), data=body, headers={"Content-Type": kind}) as response:
            assert response.status == status and str(status) in paths[path]["post"]["responses"]


def accepts(schema: str, value: object) -> bool:
    """Whether the document allows this body."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": describe(ROUTES, "1")["components"]}
    return bool(OAS31Validator(whole).is_valid(value))


@given(st.from_regex(r"[+0-9A-Za-z ._&@-]{0,17}", fullmatch=True) | st.text(max_size=5))
def test_senders_are_described_as_they_are_judged(text: str) -> None:
    try:
        judged = parse_sender(text) == text
    except SenderError:
        judged = False
    assert accepts("MessageRequest", message(**{"from": text})) is judged


@given(st.from_regex(r"[+0-9 ().-]{0,20}", fullmatch=True) | st.text(max_size=12))
def test_numbers_that_are_not_described_are_refused(text: str) -> None:
    if not accepts("MessageRequest", message(to=text)):
        with pytest.raises(PhoneError):
            normalise(text)


@pytest.mark.parametrize(
    ("schema", "body", "allowed"),
    [
        ("CampaignRequest", {"name": "a", "from": "Shop", "body": "b"}, False),
        ("CampaignRequest", {"name": "a", "from": "Shop", "body": "b", "recipients": []}, False),
        ("CampaignRequest", {"name": "a", "from": "Shop", "body": "b", "open": True}, True),
        ("CampaignRequest", {"name": "a", "from": "Shop", "body": "b", "recipients": [{"to": "x"}]}, True),
        ("CampaignRequest", {"name": "a\0", "from": "Shop", "body": "b", "open": True}, False),
        ("CampaignRequest", {"name": "a", "from": "Shop", "body": "b", "recipients": [{"to": "x"}] * 10_001}, False),
        ("MessageRequest", {"to": "+4915112345678", "from": "Shop", "body": "x" * 40_000}, True),
        ("MessageRequest", {"to": "+4915112345678", "from": "Shop", "body": "x" * 40_001}, False),
        ("MessageRequest", {"to": "0151", "from": "Shop", "body": "x"}, False),
    ],
)
def test_what_belongs_together_is_described(schema: str, body: dict[str, Any], allowed: bool) -> None:
    assert accepts(schema, body) is allowed


async def test_a_whole_number_is_one_however_it_is_written(client: ClientSession) -> None:
    for validity in ("60", "60.0", "6e1"):
        body = json.dumps(message(validity_seconds=1)).replace(": 1", f": {validity}")
        async with client.post("/v1/messages", data=body, headers={"Content-Type": "application/json"}) as response:
            assert response.status == 202, validity


def test_links_lead_to_what_there_is() -> None:
    operations = {
        operation["operationId"]: operation
        for item in describe(ROUTES, "1")["paths"].values()
        for operation in item.values()
    }
    links = [
        link
        for operation in operations.values()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert len(links) > 20
    for link in links:
        taken = {parameter["name"] for parameter in operations[link["operationId"]]["parameters"]}
        assert set(link["parameters"]) <= taken, link


def test_cursors_have_the_form_that_is_described() -> None:
    for pattern, place in (
        (TIMED_CURSOR, _After(at=1_800_000_000_000, id="cmp_" + "0" * 26)),
        (INDEXED_CURSOR, _AfterIndex(part=2**31 - 1, index=0)),
        (PLACED_CURSOR, _Place(at=0, chunk="msg_" + "Z" * 26, place=499)),
    ):
        assert re.fullmatch(pattern, write_cursor(place))
        assert read_cursor(write_cursor(place), pattern, type(place)) == place
