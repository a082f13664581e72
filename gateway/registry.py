"""The registry of schemas that any Kafka tool can read: subjects, versions, ids, from the table of the codec.

Enters: nothing. Leaves: one subject per record of a topic: `<topic>-value`, or `<topic>-<Record>` where a topic carries
several. It is the same in every process and never changes while one runs.
"""

from __future__ import annotations

from functools import cache

import msgspec

from schemas.records.codec import SCHEMAS, schema_text
from schemas.records.topics import TOPICS

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"


class SubjectVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a subject's schema; `schema` is JSON text."""

    subject: str
    version: int
    id: int
    schemaType: str = "AVRO"
    schema: str


class RegistryFault(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal, as clients of Confluent's registry read it."""

    error_code: int
    message: str


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
                    row.version: SubjectVersion(subject=subject, version=row.version, id=row.id,
                                                schema=schema_text(row.id)) for row in rows}
    return found


def uses(schema_id: int) -> list[SubjectVersion]:
    """Every subject and version with this schema."""
    return [version for versions in subjects().values() for version in versions.values() if version.id == schema_id]
