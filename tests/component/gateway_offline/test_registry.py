"""The registry, as foreign Kafka tools read it."""

from __future__ import annotations

import io
import json

import fastavro
import pytest
from aiohttp import ClientSession

from schemas.records.codec import SCHEMAS, encode
from schemas.records.topics import TOPICS
from schemas.records.wire import CampaignCommand


async def get(client: ClientSession, path: str) -> tuple[int, object]:
    async with client.get(f"/registry{path}", headers={"Authorization": ""}) as response:
        assert response.content_type == "application/vnd.schemaregistry.v1+json"
        return response.status, await response.json(content_type=None)


async def test_every_record_of_every_topic_has_a_subject(client: ClientSession) -> None:
    _, names = await get(client, "/subjects")
    assert isinstance(names, list)
    expected = {
        f"{topic.name}-value" if len(topic.records) == 1 else f"{topic.name}-{record}"
        for topic in TOPICS
        for record in topic.records
        if topic.name != "dead-letter"
    }
    assert set(names) == expected


async def test_a_record_can_be_read_with_the_schema_of_its_id(client: ClientSession) -> None:
    command = CampaignCommand(tenant="t", campaign="c", version=1, status="draft", lane="otp", parts=[1], at=2)
    data = encode(command)
    status, answer = await get(client, f"/schemas/ids/{int.from_bytes(data[1:5], 'big')}?fetchMaxId=false")
    assert status == 200 and isinstance(answer, dict)
    read = fastavro.schemaless_reader(io.BytesIO(data[5:]), json.loads(answer["schema"]), None)
    assert isinstance(read, dict) and read["campaign"] == "c"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/subjects/none-value/versions", 404, 40401),
        ("/subjects/held-Held/versions/9", 404, 40402),
        ("/schemas/ids/999", 404, 40403),
        ("/schemas/ids/x", 404, 40403),
        ("/subjects/held-Held/versions/x", 422, 42202),
    ],
)
async def test_what_is_not_there(client: ClientSession, path: str, status: int, code: int) -> None:
    found, answer = await get(client, path)
    assert isinstance(answer, dict)
    assert (found, answer["error_code"]) == (status, code)


async def test_the_small_calls(client: ClientSession) -> None:
    assert await get(client, "/schemas/types") == (200, ["AVRO"])
    assert await get(client, "/mode") == (200, {"mode": "READONLY"})
    assert (await get(client, "/config"))[1] == {"compatibilityLevel": "FULL_TRANSITIVE"}
    assert await get(client, "/subjects/held-Released/versions") == (200, [1])


async def test_what_writes_is_refused_as_confluent_refuses(client: ClientSession) -> None:
    for method, path in (("POST", "/subjects/x/versions"), ("PUT", "/config"), ("DELETE", "/subjects/x"), ("PUT", "/mode")):
        async with client.request(method, f"/registry{path}", json={}) as response:
            assert (response.status, response.content_type) == (405, "application/vnd.schemaregistry.v1+json"), path
            assert "Allow" in response.headers
            fault = await response.json(content_type=None)
            assert fault["error_code"] == 42205 and "read-only" in fault["message"]


async def test_other_calls_of_other_tools(client: ClientSession) -> None:
    assert await get(client, "/") == (200, {})
    assert (await get(client, "/subjects?subjectPrefix=:*:&deletedOnly=true")) == (200, [])
    _, schemas = await get(client, "/schemas?latestOnly=true")
    assert isinstance(schemas, list) and len(schemas) == len({schema["subject"] for schema in schemas})
    _, alone = await get(client, "/schemas/ids/1?fetchMaxId=true")
    assert isinstance(alone, dict) and alone["maxId"] == max(row.id for row in SCHEMAS)
    assert await get(client, "/schemas/ids/1/schema") == (200, json.loads(alone["schema"]))
    assert await get(client, f"/schemas/guids/{alone['guid']}/ids") == (200, [{"context": ".", "schemaId": 1}])
    assert await get(client, "/config/none?defaultToGlobal=true") == (200, {"compatibilityLevel": "FULL_TRANSITIVE"})
