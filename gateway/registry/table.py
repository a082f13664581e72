"""The routes of the schema registry: all that clients of Confluent's registry read, and nothing that they write."""

from __future__ import annotations

from typing import Any

from gateway.http.route import Handler, Route
from gateway.registry import questions, routes
from gateway.registry.types import (
    CONTENT_TYPE,
    ContextId,
    Level,
    Mode,
    SchemaOfId,
    SchemaQuestion,
    SubjectAndVersion,
    SubjectVersion,
    Verdict,
)

_PAGE = routes.PAGE
_SUBJECT = "subjects/{subject}"
_VERSIONS = f"{_SUBJECT}/versions"
_VERSION = f"{_VERSIONS}/{{number}}"
_ID = "schemas/ids/{id}"


def _read(path: str, handler: Handler, summary: str, answer: Any, *refusals: int, query: tuple[str, ...] = ()) -> Route:
    """A question by address."""
    return Route(
        "GET",
        f"/registry/{path}",
        handler,
        summary,
        answer=answer,
        gives=CONTENT_TYPE,
        query=query,
        refusals=(422, *refusals) if set(query) & set(_PAGE) else refusals,
    )


def _ask(path: str, handler: Handler, summary: str, answer: Any, *query: str) -> Route:
    """A question that shows a schema."""
    return Route(
        "POST",
        f"/registry/{path}",
        handler,
        summary,
        body=SchemaQuestion,
        answer=answer,
        gives=CONTENT_TYPE,
        takes=questions.CONTENT_TYPES,
        query=query,
        refusals=(400, 404, 408, 413, 415, 422, 429, 503),
    )


REGISTRY_ROUTES: tuple[Route, ...] = (
    _read("", routes.show_root, "The registry answers", dict[str, str]),
    _read(
        "subjects",
        routes.show_subjects,
        "Subjects of the schema registry",
        list[str],
        query=("subjectPrefix", "deleted", "deletedOnly", *_PAGE),
    ),
    _ask(
        _SUBJECT,
        questions.find_schema,
        "The version of a subject that has this schema",
        SubjectVersion,
        "normalize",
        "deleted",
        "format",
    ),
    _read(
        f"{_SUBJECT}/metadata",
        routes.show_metadata,
        "The newest version with these properties",
        SubjectVersion,
        404,
        query=("key", "value", "deleted", "format"),
    ),
    _read(
        _VERSIONS, routes.show_versions, "Versions of a subject", list[int], 404, query=("deleted", "deletedOnly", *_PAGE)
    ),
    _read(
        _VERSION,
        routes.show_version,
        "One version of a subject, or latest",
        SubjectVersion,
        404,
        422,
        query=("deleted", "format"),
    ),
    _read(
        f"{_VERSION}/schema",
        routes.show_version_schema,
        "The bare schema of a version",
        dict[str, Any],
        404,
        422,
        query=("deleted", "format"),
    ),
    _read(f"{_VERSION}/referencedby", routes.show_references, "Schemas that refer to a version", list[int], 404, 422),
    _read(
        "schemas",
        routes.show_schemas,
        "All versions of all subjects",
        list[SubjectVersion],
        query=("subjectPrefix", "deleted", "latestOnly", *_PAGE),
    ),
    _read(_ID, routes.show_schema, "The schema of an id", SchemaOfId, 404, query=("subject", "format", "fetchMaxId")),
    _read(
        f"{_ID}/schema", routes.show_id_schema, "The bare schema of an id", dict[str, Any], 404, query=("subject", "format")
    ),
    _read(
        f"{_ID}/subjects",
        routes.show_schema_subjects,
        "The subjects that use a schema",
        list[str],
        404,
        query=("subject", "deleted", *_PAGE),
    ),
    _read(
        f"{_ID}/versions",
        routes.show_schema_versions,
        "Where a schema is used",
        list[SubjectAndVersion],
        404,
        query=("subject", "deleted", *_PAGE),
    ),
    _read("schemas/guids/{guid}", routes.show_guid, "The schema of a guid", SchemaOfId, 404, query=("format",)),
    _read("schemas/guids/{guid}/ids", routes.show_guid_ids, "The ids of a guid", list[ContextId], 404),
    _read("schemas/types", routes.show_types, "Kinds of schemas", list[str]),
    _read("contexts", routes.show_contexts, "Contexts of the registry", list[str], query=_PAGE),
    _read("config", routes.show_config, "The promise of compatibility", Level),
    _read(
        "config/{subject}", routes.show_subject_config, "The promise for one subject", Level, 404, query=("defaultToGlobal",)
    ),
    _read("mode", routes.show_mode, "Whether the registry can be written", Mode),
    _read(
        "mode/{subject}", routes.show_subject_mode, "Whether a subject can be written", Mode, 404, query=("defaultToGlobal",)
    ),
    _ask(
        f"compatibility/{_VERSIONS}",
        questions.test_versions,
        "Whether a schema could be the next version",
        Verdict,
        "normalize",
        "verbose",
    ),
    _ask(
        f"compatibility/{_VERSION}",
        questions.test_version,
        "Whether a schema agrees with a version",
        Verdict,
        "normalize",
        "verbose",
    ),
    _read(
        "associations/resources/{namespace}/{resource}",
        routes.show_associations,
        "What is bound to a resource",
        list[dict[str, Any]],
        query=("resourceType", "associationType", *_PAGE),
    ),
)
