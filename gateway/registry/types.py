"""What the registry answers and takes, in the shapes that clients of Confluent's registry read and write."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
DEFAULT_CONTEXT = "."
COMPATIBILITY = "FULL_TRANSITIVE"
MODE = "READONLY"


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
