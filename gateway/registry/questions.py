"""POST /registry/...: a client shows a schema and asks whether it is here, or could be; nothing is changed by it.

Schemas are looked at in another thread, one at a time: the largest one that is taken costs a tenth of a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import msgspec
from aiohttp import web

from gateway.http.body import decode_json, read_bytes
from gateway.http.context import BODY_RESERVATION, LIMITS
from gateway.registry.problems import Refused
from gateway.registry.routes import is_yes, registry_answer
from gateway.registry.subjects import version_of, versions_of
from gateway.registry.types import CONTENT_TYPE, SchemaQuestion, SubjectVersion, Verdict
from schemas.records.foreign_schemas import SchemaFault, are_same, check_schema, disagreements

MAX_QUESTION = 32 * 1024
"""Bytes; several times our largest schema."""
CONTENT_TYPES = (CONTENT_TYPE, "application/vnd.schemaregistry+json", "application/json")
NOBODY = "registry"
"""In whose name such bodies are kept in memory, as no account asks."""
T = TypeVar("T")
ONE_SCHEMA: web.AppKey[asyncio.Lock] = web.AppKey("one_schema", asyncio.Lock)
_DECODER = msgspec.json.Decoder(SchemaQuestion)


async def find_schema(request: web.Request) -> web.Response:
    """The version of a subject with this schema."""
    question = await _read(request)
    versions = versions_of(request.match_info["subject"])
    normalize = is_yes(request, "normalize")
    found = await _aside(request, lambda: _find(list(versions.values()), question.schema, normalize))
    if found is None:
        raise Refused(40403, "Schema not found")
    return registry_answer(found)


async def test_version(request: web.Request) -> web.Response:
    """Whether this schema and that version read each other's records."""
    question = await _read(request)
    return await _judge(request, question, [version_of(request.match_info["subject"], request.match_info["number"])])


async def test_versions(request: web.Request) -> web.Response:
    """Whether this schema and all versions of the subject do."""
    question = await _read(request)
    return await _judge(request, question, list(versions_of(request.match_info["subject"]).values()))


async def _judge(request: web.Request, question: SchemaQuestion, versions: list[SubjectVersion]) -> web.Response:
    found = await _aside(
        request, lambda: [message for version in versions for message in disagreements(question.schema, version.schema)]
    )
    return registry_answer(Verdict(is_compatible=not found, messages=found if is_yes(request, "verbose") else []))


async def _read(request: web.Request) -> SchemaQuestion:
    with request.app[LIMITS].bodies.reservation(NOBODY) as request[BODY_RESERVATION]:
        data, _ = await read_bytes(request, MAX_QUESTION, *CONTENT_TYPES)
    question = decode_json(data, _DECODER)
    if question.schemaType not in (None, "AVRO"):
        raise Refused(42201, f"Invalid schema type {question.schemaType}: the schemas here are Avro")
    return question


def _find(versions: list[SubjectVersion], schema: str, normalize: bool) -> SubjectVersion | None:
    found = next((version for version in versions if are_same(schema, version.schema, normalize=normalize)), None)
    if found is None:
        check_schema(schema)
    return found


async def _aside(request: web.Request, look: Callable[[], T]) -> T:
    async with request.app[ONE_SCHEMA]:
        try:
            return await asyncio.to_thread(look)
        except SchemaFault as fault:
            raise Refused(42201, f"Invalid schema: {fault}") from None
