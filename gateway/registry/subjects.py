"""The registry of schemas that any Kafka tool can read: subjects, versions, ids, from the table of the codec.

Enters: nothing. Leaves: one subject per record of a topic: `<topic>-value`, or `<topic>-<Record>` where a topic carries
several. It is the same in every process and never changes while one runs.
"""

from __future__ import annotations

from functools import cache
from hashlib import md5
from uuid import UUID

from gateway.registry.problems import Refused
from gateway.registry.types import DEFAULT_CONTEXT, SubjectVersion
from schemas.records.codec import SCHEMAS, schema_text
from schemas.records.topics import TOPICS


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
                    row.version: SubjectVersion(
                        subject=subject, version=row.version, id=row.id, guid=_guid(row.id), schema=schema_text(row.id)
                    )
                    for row in rows
                }
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
        raise Refused(
            42202,
            "The specified version is not a valid version id. Allowed values are between [1, 2^31-1] and "
            'the string "latest"',
        )
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
