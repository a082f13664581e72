"""The OpenAPI document: valid, complete, and silent about what is not built."""

from __future__ import annotations

import json

from aiohttp import ClientSession
from openapi_spec_validator import validate

from gateway.openapi import describe
from gateway.routes.table import ROUTES


async def test_it_is_valid_and_served(client: ClientSession) -> None:
    async with client.get("/openapi.json", headers={"Authorization": ""}) as response:
        document = await response.json()
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert {(path, method) for path, item in document["paths"].items() for method in item} == {
        (route.path, route.method.lower()) for route in ROUTES}


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for item in describe(ROUTES, "1")["paths"].values()
             for operation in item.values()]
    assert len(set(names)) == len(names)


def test_what_is_not_built_is_absent() -> None:
    text = json.dumps(describe(ROUTES, "1"))
    for word in ("send_at", "callback_url", "whatsapp", "pause", "webhooks", "schedule\"", "admin"):
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
    for path, status in (("/registry/subjects", 200), ("/registry/subjects/{subject}/versions", 404),
                         ("/registry/subjects/{subject}/versions/{version}", 404), ("/registry/schemas/ids/{id}", 404)):
        described = paths[path]["get"]["responses"][str(status)]["content"]
        async with client.get(path.format(subject="none", version=1, id="none")) as response:
            assert (response.status, [response.content_type]) == (status, list(described)), path


async def test_refusals_of_bodies_are_described(client: ClientSession) -> None:
    paths = describe(ROUTES, "1")["paths"]
    start = "/v1/campaigns/{id}/start"
    for path, body, kind, status in ((start, b"x", "application/json", 400), (start, b"{}", "text/plain", 415),
                                     (start, b"x" * 2000, "application/json", 413)):
        async with client.post(path.format(id="cmp_" + "0" * 26), data=body, headers={"Content-Type": kind}) as response:
            assert response.status == status and str(status) in paths[path]["post"]["responses"]
