"""The registry of schemas that any Kafka tool can read: subjects, versions, ids, from the table of the codec.

Enters: nothing. Leaves: one subject per record of a topic: `<topic>-value`, or `<topic>-<Record>` where a topic carries
several; the shapes of answers, as clients of Confluent's registry read them. It is the same in every process and never
changes while one runs.
"""

from __future__ import annotations

from functools import cache
from hashlib import md5
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from gateway.http.problem import Problem
from schemas.records.codec import SCHEMAS, schema_text
from schemas.records.topics import TOPICS

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
DEFAULT_CONTEXT = "."
COMPATIBILITY = "FULL_TRANSITIVE"
MODE = "READONLY"
READ_ONLY = 42205
_WRITING = ("POST", "PUT", "PATCH", "DELETE")


class SubjectVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a subject's schema; `schema` is JSON text."""

    subject: str
    version: int
    id: int
    guid: str
    schemaType: str = "AVRO"
    schema: str


class SchemaOfId(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The schema of an id; `id` is absent where the question named it, `maxId` unless it is asked for."""

    schema: str
    schemaType: str = ""
    guid: str
    id: int | None = None
    maxId: int | None = None


class SubjectAndVersion(msgspec.Struct, frozen=True, kw_only=True):
    """Where a schema is used."""

    subject: str
    version: int


class ContextId(msgspec.Struct, frozen=True, kw_only=True):
    """The id that a schema has in a context."""

    context: str
    schemaId: int


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """What new versions promise."""

    compatibilityLevel: str = COMPATIBILITY


class Mode(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the registry can be written."""

    mode: str = MODE


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether a schema could be the next version; `messages` when the question is `verbose`."""

    is_compatible: bool
    messages: list[str] = []


class SchemaQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A schema that a client shows; what it says beyond this counts for nothing."""

    schema: Annotated[str, Meta(description="JSON text of an Avro schema")]
    schemaType: Annotated[str | None, Meta(extra_json_schema={"enum": ["AVRO", None]})] = None


class RegistryFault(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal, as clients of Confluent's registry read it: the HTTP status, or five digits that begin with it."""

    error_code: int
    message: str


class Refused(Problem):
    """A question that has no answer, with Confluent's own code for it, of which the status is the beginning."""

    def __init__(self, error_code: int, message: str) -> None:
        super().__init__(error_code // 100, "registry", message)
        self.error_code = error_code


def fault_of(problem: Problem, method: str) -> RegistryFault:
    """What a client of Confluent's registry reads of any refusal."""
    if isinstance(problem, Refused):
        return RegistryFault(error_code=problem.error_code, message=problem.detail)
    if problem.status == HTTPStatus.METHOD_NOT_ALLOWED and method in _WRITING:
        return RegistryFault(error_code=READ_ONLY, message="The registry is read-only: its schemas are those of the release")
    return RegistryFault(error_code=problem.status, message=problem.detail)


@cache
def subjects() -> dict[str, dict[int, SubjectVersion]]:
    """All subjects, with their versions."""
    found: dict[str, dict[int, SubjectVersion]] = {}
    for topic in TOPICS:
        for record in topic.records:
            subject = f"{topic.name}-value" if len(topic.records) == 1 else f"{topic.name}-{record}"
            rows = [row for row in SCHEMAS if row.record.__name__ == record]
            if rows:
                found[subject] = {
                    row.version: SubjectVersion(subject=subject, version=row.version, id=row.id, guid=_guid(row.id),
                                                schema=schema_text(row.id)) for row in rows}
    return found


def versions_of(subject: str) -> dict[int, SubjectVersion]:
    """The versions of this subject, whose name may say that it is of the default context."""
    name = subject.removeprefix(f":{DEFAULT_CONTEXT}:")
    found = subjects().get(name)
    if found is None:
        raise Refused(40401, f"Subject '{subject[:200]}' not found.")
    return found


def version_of(subject: str, version: str) -> SubjectVersion:
    """One version of a subject: a number, `latest` or -1."""
    versions = versions_of(subject)
    if version in ("latest", "-1"):
        return versions[max(versions)]
    if not (version.isascii() and version.isdigit() and len(version) < 10 and int(version) > 0):
        raise Refused(42202, "The specified version is not a valid version id. Allowed values are between [1, 2^31-1] and "
                             "the string \"latest\"")
    found = versions.get(int(version))
    if found is None:
        raise Refused(40402, f"Version {version} not found.")
    return found


def uses_of(schema_id: str) -> list[SubjectVersion]:
    """Every subject and version with the schema of this id."""
    number = int(schema_id) if schema_id.isascii() and schema_id.isdigit() and len(schema_id) < 10 else 0
    return _known([use for use in _all() if use.id == number], schema_id)


def uses_of_guid(guid: str) -> list[SubjectVersion]:
    """The same, by the schema's other name."""
    return _known([use for use in _all() if use.guid == guid.lower()], guid)


def newest_id() -> int:
    """The highest id given out."""
    return max(row.id for row in SCHEMAS)


def _all() -> list[SubjectVersion]:
    return [version for versions in subjects().values() for version in versions.values()]


def _known(uses: list[SubjectVersion], name: str) -> list[SubjectVersion]:
    if not uses:
        raise Refused(40403, f"Schema {name[:200]} not found")
    return uses


def _guid(schema_id: int) -> str:
    return str(UUID(bytes=md5(schema_text(schema_id).encode(), usedforsecurity=False).digest()))
