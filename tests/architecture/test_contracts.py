"""Tables that must be whole: layers, topics, reasons, settings, roles."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.kafka.topic_admin import GROUPS, wanted_settings
from infra.postgres.sql import named_statements
from infra.settings.docs import example
from infra.supervisor.roles import ROLES
from schemas.records.codec import SCHEMAS
from schemas.records.examples import examples
from schemas.records.topics import DEAD_LETTER, FOREIGN_READERS, TOPICS, Topic
from schemas.values.reasons import Disposition, Reason
from tests.support.source import LAYERS, ROOT, files, modules, text

OUTSIDE = FOREIGN_READERS | {"nobody"}
TITLES = {row.name: row for row in TOPICS}


def test_layers_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_file_is_made_from_the_classes() -> None:
    assert (ROOT / "sluice.example.toml").read_text() == example()


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_is_described(topic: Topic) -> None:
    roles = {row.role for row in ROLES} | OUTSIDE
    assert topic.writers and set(topic.writers) <= roles
    assert topic.readers and set(topic.readers) <= roles
    assert topic.dead_letters_by in (*topic.readers, "nobody")
    assert topic.key and topic.partitions >= 1


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic.name != DEAD_LETTER], ids=lambda topic: topic.name)
def test_every_record_of_a_topic_has_schema_and_example(topic: Topic) -> None:
    shown = {type(record).__name__ for record in examples()}
    known = {row.record.__name__ for row in SCHEMAS}
    assert set(topic.records) <= shown & known


def test_every_schema_is_on_a_topic() -> None:
    carried = {name for row in TOPICS if row.name != DEAD_LETTER for name in row.records}
    assert {row.record.__name__ for row in SCHEMAS} == carried


def test_topic_names_are_unique_and_lower_case() -> None:
    assert len(TITLES) == len(TOPICS)
    assert all(name == name.lower() and "_" not in name and "." not in name for name in TITLES)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_is_deleted_by_time_or_compacted(topic: Topic) -> None:
    settings = wanted_settings(topic, 3)
    assert settings["cleanup.policy"] == ("compact" if topic.retention_ms is None else "delete")
    assert settings["min.insync.replicas"] == "2"


def test_the_log_of_calls_lives_as_long_as_what_it_is_about() -> None:
    for lane in ("otp", "transactional", "marketing"):
        log = TITLES[f"attempts-{lane}"]
        works = [TITLES[f"dispatch-{lane}"], *([TITLES["dispatch-shared"]] if lane == "marketing" else [])]
        for work in works:
            assert log.retention_ms is not None and work.retention_ms is not None
            assert log.retention_ms >= work.retention_ms
        assert log.partitions == sum(work.partitions for work in works)


def test_groups_read_what_the_table_says_they_read() -> None:
    for group, topics in GROUPS.items():
        role = group.removeprefix("sluice-").partition("-")[0]
        assert all(role in TITLES[name].readers for name in topics), group
    read = [name for topics in GROUPS.values() for name in topics]
    assert len(read) == len(set(read))


def test_every_reason_is_whole() -> None:
    numbers = [reason.number for reason in Reason]
    assert len(numbers) == len(set(numbers))
    for reason in Reason:
        assert reason.disposition in Disposition
        assert reason.sentence.endswith(".") and len(reason.sentence) > 10


def test_every_reason_is_given_by_somebody() -> None:
    """A reason that no code names is a promise in the reference that nobody keeps."""
    elsewhere = [path for path in modules(*LAYERS) if path.name not in ("reasons.py", "examples.py")]
    given = set(re.findall(r"\bReason\.([A-Z_]+)", "\n".join(text(path) for path in elsewhere)))
    assert given == set(Reason.__members__)


def test_every_role_can_be_loaded() -> None:
    for row in ROLES:
        run = row.load()
        assert inspect.iscoroutinefunction(run), row.name
        assert run.__name__ == "run" and not run.__module__.startswith("infra."), row.name


def test_every_sql_and_lua_file_is_used() -> None:
    """By its name, or by the first part of it where the rest is chosen at run time."""
    sources = "\n".join(text(path) for path in modules(*LAYERS))
    scripts = [path for path in files() if path.suffix in (".sql", ".lua") and "migrations" not in path.parts]
    unused = [
        str(path) for path in scripts if path.stem not in sources and f"{path.stem.partition('_')[0]}_{{" not in sources
    ]
    assert scripts and not unused, "\n".join(unused)


def test_every_named_statement_is_used() -> None:
    sources = "\n".join(text(path) for path in modules(*LAYERS))
    named = [
        (path, name)
        for path in files()
        if path.name == "statements.sql"
        for name in named_statements(".".join(path.parts[:-1]), "statements")
    ]
    unused = [
        f"{path}: {name}"
        for path, name in named
        if f'"{name}"' not in sources and f"{name.partition('_')[0]}_{{" not in sources
    ]
    assert named and not unused, "\n".join(unused)
