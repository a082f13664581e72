"""GET /registry/...: the schemas, as clients of Confluent's registry ask for them; reading needs no key.

Parameters that a client may send and that change nothing here (`format`, `deleted`, `normalize` of a GET) are passed over:
there are no other forms and nothing was ever deleted.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from aiohttp import web

from gateway.registry.problems import Refused
from gateway.registry.subjects import newest_id as newest
from gateway.registry.subjects import subjects, uses_of, uses_of_guid, version_of, versions_of
from gateway.registry.types import CONTENT_TYPE, DEFAULT_CONTEXT, ContextId, Level, Mode, SchemaOfId, SubjectAndVersion

Row = TypeVar("Row")
EVERY_CONTEXT = ":*:"
PAGE = ("offset", "limit")


async def show_root(_request: web.Request) -> web.Response:
    """Nothing: that it answers is what clients ask."""
    return registry_answer({})


async def show_subjects(request: web.Request) -> web.Response:
    """The names of all subjects."""
    prefix = request.query.get("subjectPrefix", "").removeprefix(EVERY_CONTEXT).removeprefix(f":{DEFAULT_CONTEXT}:")
    if is_yes(request, "deletedOnly"):
        return registry_answer([])
    return registry_answer(_page(request, [name for name in sorted(subjects()) if name.startswith(prefix)]))


async def show_schemas(request: web.Request) -> web.Response:
    """Every version of every subject, or the newest of each."""
    prefix = request.query.get("subjectPrefix", "").removeprefix(EVERY_CONTEXT).removeprefix(f":{DEFAULT_CONTEXT}:")
    found = [
        versions[number]
        for name, versions in sorted(subjects().items())
        if name.startswith(prefix)
        for number in sorted(versions)
        if not is_yes(request, "latestOnly") or number == max(versions)
    ]
    return registry_answer(_page(request, found))


async def show_versions(request: web.Request) -> web.Response:
    """The versions of a subject."""
    found = sorted(versions_of(request.match_info["subject"]))
    return registry_answer([] if is_yes(request, "deletedOnly") else _page(request, found))


async def show_version(request: web.Request) -> web.Response:
    """One version of a subject, or the latest."""
    return registry_answer(version_of(request.match_info["subject"], request.match_info["number"]))


async def show_version_schema(request: web.Request) -> web.Response:
    """The bare schema of one version of a subject."""
    found = version_of(request.match_info["subject"], request.match_info["number"])
    return web.Response(text=found.schema, content_type=CONTENT_TYPE)


async def show_references(request: web.Request) -> web.Response:
    """The ids of schemas that refer to a version: there are none."""
    version_of(request.match_info["subject"], request.match_info["number"])
    return registry_answer([])


async def show_metadata(request: web.Request) -> web.Response:
    """The newest version with these properties; ours have no properties, so only the question without any has an answer."""
    versions = versions_of(request.match_info["subject"])
    if "key" in request.query:
        raise Refused(40403, "Schema not found: no schema here has properties")
    return registry_answer(versions[max(versions)])


async def show_schema(request: web.Request) -> web.Response:
    """The schema of an id."""
    found = uses_of(request.match_info["id"])[0]
    highest = newest() if is_yes(request, "fetchMaxId") else None
    return registry_answer(SchemaOfId(schema=found.schema, schemaType=found.schemaType, guid=found.guid, maxId=highest))


async def show_id_schema(request: web.Request) -> web.Response:
    """The bare schema of an id."""
    return web.Response(text=uses_of(request.match_info["id"])[0].schema, content_type=CONTENT_TYPE)


async def show_schema_subjects(request: web.Request) -> web.Response:
    """The subjects that use the schema of an id."""
    wanted = request.query.get("subject")
    found = sorted({use.subject for use in uses_of(request.match_info["id"]) if wanted in (None, use.subject)})
    return registry_answer(_page(request, found))


async def show_schema_versions(request: web.Request) -> web.Response:
    """Where the schema of an id is used."""
    wanted = request.query.get("subject")
    found = [
        SubjectAndVersion(subject=use.subject, version=use.version)
        for use in uses_of(request.match_info["id"])
        if wanted in (None, use.subject)
    ]
    return registry_answer(_page(request, found))


async def show_guid(request: web.Request) -> web.Response:
    """The schema of a guid."""
    found = uses_of_guid(request.match_info["guid"])[0]
    return registry_answer(SchemaOfId(schema=found.schema, schemaType=found.schemaType, guid=found.guid, id=found.id))


async def show_guid_ids(request: web.Request) -> web.Response:
    """The ids of a guid."""
    found = uses_of_guid(request.match_info["guid"])[0]
    return registry_answer([ContextId(context=DEFAULT_CONTEXT, schemaId=found.id)])


async def show_types(_request: web.Request) -> web.Response:
    """The kinds of schemas."""
    return registry_answer(["AVRO"])


async def show_contexts(request: web.Request) -> web.Response:
    """The default context alone."""
    return registry_answer(_page(request, [DEFAULT_CONTEXT]))


async def show_config(_request: web.Request) -> web.Response:
    """What new versions of our schemas promise."""
    return registry_answer(Level())


async def show_subject_config(request: web.Request) -> web.Response:
    """The same, of one subject; of an unknown one only if the general answer would do."""
    if not is_yes(request, "defaultToGlobal"):
        versions_of(request.match_info["subject"])
    return registry_answer(Level())


async def show_mode(_request: web.Request) -> web.Response:
    """Nobody writes here."""
    return registry_answer(Mode())


async def show_subject_mode(request: web.Request) -> web.Response:
    """Nor there."""
    if not is_yes(request, "defaultToGlobal"):
        versions_of(request.match_info["subject"])
    return registry_answer(Mode())


async def show_associations(request: web.Request) -> web.Response:
    """What is bound to a resource by more than its name: nothing."""
    return registry_answer(_page(request, list[str]()))


def registry_answer(body: object) -> web.Response:
    """JSON under the registry's content type."""
    return web.Response(body=msgspec.json.encode(body), content_type=CONTENT_TYPE)


def is_yes(request: web.Request, name: str) -> bool:
    """Whether this parameter says true, as clients of several languages write it."""
    return request.query.get(name, "").lower() == "true"


def _page(request: web.Request, rows: list[Row]) -> list[Row]:
    """From `offset`, at most `limit`; a limit of -1 is none."""
    first, limit = _number(request, "offset", 0), _number(request, "limit", -1)
    return rows[first:][: limit if limit >= 0 else None]


def _number(request: web.Request, name: str, least: int) -> int:
    """`least` is also what counts where the parameter is absent."""
    text = request.query.get(name, str(least))
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10 and int(text) >= least):
        raise Refused(42200, f"{name} is a whole number, {least} or more")
    return int(text)
