"""The registry with Confluent's own client: all calls that read, its serializers, the refusal of those that write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from confluent_kafka.schema_registry import RegisteredSchema, Schema, SchemaRegistryClient, ServerConfig
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from gateway.registry.subjects import subjects
from schemas.records.codec import decode, encode, schema_text
from schemas.records.wire import CampaignCommand

SUBJECT = "campaign-commands-value"
OURS = Schema(schema_text(11), "AVRO")
ALIEN = Schema('{"type": "record", "name": "X", "fields": [{"name": "a", "type": "int"}]}', "AVRO")


@pytest.fixture
async def registry(url: str) -> AsyncIterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": f"{url}/registry", "max.retries": 0}) as client:
        yield client


READS: tuple[tuple[str, Callable[[SchemaRegistryClient], Any], Any], ...] = (
    ("types", lambda r: r.get_schema_types(), ["AVRO"]),
    ("contexts", lambda r: r.get_contexts(), ["."]),
    ("subjects", lambda r: r.get_subjects(), sorted(subjects())),
    ("subjects, deleted too", lambda r: r.get_subjects(deleted=True), sorted(subjects())),
    ("subjects by prefix", lambda r: r.get_subjects(subject_prefix="campaign"), [SUBJECT]),
    ("a page of subjects", lambda r: r.get_subjects(offset=1, limit=2), sorted(subjects())[1:3]),
    ("versions", lambda r: r.get_versions(SUBJECT), [1]),
    ("a schema", lambda r: r.get_schema(11).schema_str, schema_text(11)),
    ("a schema of a subject", lambda r: r.get_schema(11, subject_name=SUBJECT).schema_str, schema_text(11)),
    ("a schema by guid", lambda r: r.get_schema_by_guid(str(r.get_latest_version(SUBJECT).guid)), OURS),
    ("subjects of a schema", lambda r: r.get_subjects_by_schema_id(11), [SUBJECT]),
    ("subjects of a schema, another one", lambda r: r.get_subjects_by_schema_id(11, subject_name="x"), []),
    ("uses of a schema", lambda r: [(use.subject, use.version) for use in r.get_schema_versions(11)], [(SUBJECT, 1)]),
    ("the newest", lambda r: known(r.get_latest_version(SUBJECT)), (SUBJECT, 1, 11)),
    ("the newest with no properties", lambda r: known(r.get_latest_with_metadata(SUBJECT, {})), (SUBJECT, 1, 11)),
    ("a version", lambda r: known(r.get_version(SUBJECT, 1)), (SUBJECT, 1, 11)),
    ("a version of the default context", lambda r: known(r.get_version(f":.:{SUBJECT}", 1)), (SUBJECT, 1, 11)),
    ("references", lambda r: r.get_referenced_by(SUBJECT, 1), []),
    ("a look-up", lambda r: known(r.lookup_schema(SUBJECT, OURS)), (SUBJECT, 1, 11)),
    ("a normalized look-up", lambda r: known(r.lookup_schema(SUBJECT, OURS, normalize_schemas=True)), (SUBJECT, 1, 11)),
    ("compatibility", lambda r: r.get_compatibility(), "FULL_TRANSITIVE"),
    ("compatibility of a subject", lambda r: r.get_compatibility(SUBJECT), "FULL_TRANSITIVE"),
    ("config", lambda r: r.get_config().compatibility_level, "FULL_TRANSITIVE"),
    ("config of a subject", lambda r: r.get_config(SUBJECT).compatibility_level, "FULL_TRANSITIVE"),
    ("mode", lambda r: r.get_global_mode(), "READONLY"),
    ("mode of a subject", lambda r: r.get_mode(SUBJECT), "READONLY"),
    ("a test of our own", lambda r: r.test_compatibility(SUBJECT, OURS), True),
    ("a test of another", lambda r: r.test_compatibility(SUBJECT, ALIEN, version=1), False),
    ("a test against all", lambda r: r.test_compatibility_all_versions(SUBJECT, OURS), True),
    ("associations", lambda r: r.get_associations_by_resource_name("campaign-commands", "-"), []),
)


def known(found: RegisteredSchema) -> tuple[str | None, int | None, int | None]:
    return found.subject, found.version, found.schema_id


@pytest.mark.parametrize(("call", "expected"), [row[1:] for row in READS], ids=[row[0] for row in READS])
async def test_every_call_that_reads(registry: SchemaRegistryClient, call: Callable[[Any], Any], expected: Any) -> None:
    assert await asyncio.to_thread(call, registry) == expected


MISSING: tuple[tuple[str, Callable[[SchemaRegistryClient], Any], tuple[int, int]], ...] = (
    ("an id", lambda r: r.get_schema(999), (404, 40403)),
    ("subjects of an id", lambda r: r.get_subjects_by_schema_id(999), (404, 40403)),
    ("a guid", lambda r: r.get_schema_by_guid("x"), (404, 40403)),
    ("versions", lambda r: r.get_versions("x"), (404, 40401)),
    ("the newest", lambda r: r.get_latest_version("x"), (404, 40401)),
    ("another context", lambda r: r.get_latest_version(f":.other:{SUBJECT}"), (404, 40401)),
    ("a version", lambda r: r.get_version(SUBJECT, 9), (404, 40402)),
    ("a bad version", lambda r: r.get_version(SUBJECT, 0), (422, 42202)),
    ("properties", lambda r: r.get_latest_with_metadata(SUBJECT, {"a": "b"}), (404, 40403)),
    ("a schema", lambda r: r.lookup_schema(SUBJECT, ALIEN), (404, 40403)),
    ("a subject's schema", lambda r: r.lookup_schema("x", OURS), (404, 40401)),
    ("no schema", lambda r: r.lookup_schema(SUBJECT, Schema('{"type": "rec"}', "AVRO")), (422, 42201)),
    ("no JSON", lambda r: r.lookup_schema(SUBJECT, Schema("{", "AVRO")), (422, 42201)),
    ("nested deeply", lambda r: r.lookup_schema(SUBJECT, Schema("[" * 20_000, "AVRO")), (422, 42201)),
    ("another kind", lambda r: r.lookup_schema(SUBJECT, Schema("x", "PROTOBUF")), (422, 42201)),
    ("too much", lambda r: r.lookup_schema(SUBJECT, Schema("x" * 100_000, "AVRO")), (413, 413)),
    ("the config of a subject", lambda r: r.get_config("x"), (404, 40401)),
    ("the mode of a subject", lambda r: r.get_mode("x"), (404, 40401)),
    ("a path", lambda r: r._rest_client.get("nowhere"), (404, 404)),
    ("a bad page", lambda r: r._rest_client.get("subjects", {"offset": "x"}), (422, 42200)),
    ("registering", lambda r: r.register_schema(SUBJECT, ALIEN), (405, 42205)),
    ("deleting a subject", lambda r: r.delete_subject(SUBJECT), (405, 42205)),
    ("deleting a version", lambda r: r.delete_version(SUBJECT, 1), (405, 42205)),
    ("setting a promise", lambda r: r.set_compatibility(SUBJECT, "NONE"), (405, 42205)),
    ("setting a config", lambda r: r.set_config(SUBJECT, ServerConfig()), (405, 42205)),
    ("deleting a config", lambda r: r.delete_config(SUBJECT), (405, 42205)),
    ("setting a mode", lambda r: r.update_mode(SUBJECT, "READWRITE"), (405, 42205)),
    ("setting the mode", lambda r: r.update_global_mode("READWRITE"), (405, 42205)),
    ("deleting a mode", lambda r: r.delete_mode(SUBJECT), (405, 42205)),
)


@pytest.mark.parametrize(("call", "code"), [row[1:] for row in MISSING], ids=[row[0] for row in MISSING])
async def test_what_is_not_there_and_what_writes(
    registry: SchemaRegistryClient, call: Callable[[Any], Any], code: tuple[int, int]
) -> None:
    with pytest.raises(SchemaRegistryError) as refused:
        await asyncio.to_thread(call, registry)
    assert (refused.value.http_status_code, refused.value.error_code) == code and refused.value.error_message


def read_and_write(registry: SchemaRegistryClient, command: CampaignCommand, **config: Any) -> bytes | None:
    """The command as the client's deserializer reads it and its serializer writes it again."""
    context = SerializationContext("campaign-commands", MessageField.VALUE)
    read = AvroDeserializer(registry)(encode(command), context)
    written: bytes | None = AvroSerializer(registry, schema_text(11), conf={"auto.register.schemas": False, **config})(
        read, context
    )
    return written


@pytest.mark.parametrize("config", [{}, {"use.latest.version": True}, {"normalize.schemas": True}], ids=str)
async def test_serializers_that_register_nothing(registry: SchemaRegistryClient, config: dict[str, Any]) -> None:
    command = CampaignCommand(tenant="t", campaign="c", version=1, status="draft", lane="otp", parts=[1], at=2)
    written = await asyncio.to_thread(read_and_write, registry, command, **config)
    assert written is not None and decode(written) == command
