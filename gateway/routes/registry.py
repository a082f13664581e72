"""GET /registry/...: the schemas, as clients of Confluent's registry ask for them; reading needs no key."""

from __future__ import annotations

import msgspec
from aiohttp import web

from gateway.registry import CONTENT_TYPE, RegistryFault, SubjectVersion, subjects, uses

COMPATIBILITY = "FULL_TRANSITIVE"


async def show_subjects(_request: web.Request) -> web.Response:
    """The names of all subjects."""
    return _answer(sorted(subjects()))


async def show_versions(request: web.Request) -> web.Response:
    """The versions of a subject."""
    versions = subjects().get(request.match_info["subject"])
    return _fault(404, 40401, "Subject not found") if versions is None else _answer(sorted(versions))


async def show_version(request: web.Request) -> web.Response:
    """One version of a subject, or the latest."""
    found = _find(request)
    return found if isinstance(found, web.Response) else _answer(found)


async def show_version_schema(request: web.Request) -> web.Response:
    """The bare schema of one version of a subject."""
    found = _find(request)
    return found if isinstance(found, web.Response) else web.Response(text=found.schema, content_type=CONTENT_TYPE)


async def show_schema(request: web.Request) -> web.Response:
    """The schema of an id."""
    text = request.match_info["id"]
    found = uses(int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else []
    return _answer({"schema": found[0].schema}) if found else _fault(404, 40403, "Schema not found")


async def show_schema_versions(request: web.Request) -> web.Response:
    """Where the schema of an id is used."""
    text = request.match_info["id"]
    found = uses(int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else []
    if not found:
        return _fault(404, 40403, "Schema not found")
    return _answer([{"subject": use.subject, "version": use.version} for use in found])


async def show_types(_request: web.Request) -> web.Response:
    """The kinds of schemas."""
    return _answer(["AVRO"])


async def show_config(_request: web.Request) -> web.Response:
    """What new versions of our schemas promise."""
    return _answer({"compatibilityLevel": COMPATIBILITY})


async def show_mode(_request: web.Request) -> web.Response:
    """Nobody writes here."""
    return _answer({"mode": "READONLY"})


def _find(request: web.Request) -> SubjectVersion | web.Response:
    versions = subjects().get(request.match_info["subject"])
    if versions is None:
        return _fault(404, 40401, "Subject not found")
    text = request.match_info["version"]
    if text in ("latest", "-1"):
        return versions[max(versions)]
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        return _fault(422, 42202, "The specified version is not a valid version id")
    found = versions.get(int(text))
    return _fault(404, 40402, "Version not found") if found is None else found


def _answer(body: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type=CONTENT_TYPE)


def _fault(status: int, code: int, message: str) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(RegistryFault(error_code=code, message=message)),
                        content_type=CONTENT_TYPE)
