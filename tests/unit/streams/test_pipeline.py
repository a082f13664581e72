"""The table of stages, the table of topics and the groups' first offsets say the same."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from hashlib import sha256
from types import ModuleType
from typing import Any

import pytest
from faust.transport.consumer import Consumer as FaustConsumer
from faust.transport.drivers.aiokafka import Consumer as DriverConsumer

import streams.steps
from infra.kafka.records import ConsumerRecord
from infra.kafka.topic_admin import GROUPS
from schemas.records.codec import encode
from schemas.records.topics import COMMANDS, DEAD_LETTER, TOPICS, USAGE, topic
from schemas.values.lanes import Pool
from streams.pipeline import STAGES, topics_of
from streams.role import Parts, invalid_numbers, make_handler
from streams.settlement.handler import SettlementHandler, SettlementPorts
from tests.support.streams.fakes import NOW, SEALER, FakePorts
from tests.support.streams.records import block_of


def test_what_streams_read_and_write_is_what_the_topics_say() -> None:
    reads = {name for stage in STAGES for name in stage.reads}
    writes = {name for stage in STAGES for name in stage.writes}
    assert reads | {COMMANDS} == {row.name for row in TOPICS if "streams" in row.readers}
    assert writes | {DEAD_LETTER} == {row.name for row in TOPICS if "streams" in row.writers}
    assert all(topic(name).dead_letters_by == "streams" for name in reads)


@pytest.mark.parametrize("pool", list(Pool))
def test_every_group_begins_on_what_its_pool_reads(pool: Pool) -> None:
    assert {name for name, _ in topics_of(pool)} == set(GROUPS[f"sluice-streams-{pool}"])


def test_every_step_decides_and_belongs_to_one_stage() -> None:
    steps = [step for stage in STAGES for step in stage.steps]
    named = [step.__name__.rpartition(".")[2] for step in steps if isinstance(step, ModuleType)]
    built = {module.name for module in pkgutil.iter_modules(streams.steps.__path__)}
    assert len(named) == len(steps) and sorted(named) == sorted(built - {"keep_assigned"}), "it runs behind each of them"
    assert all(inspect.iscoroutinefunction(step.ask) and callable(step.decide) for step in steps)


async def test_a_stage_writes_what_its_row_says_and_nothing_else() -> None:
    fakes = FakePorts()
    handler = SettlementHandler(SettlementPorts(sealing=SEALER, owners=fakes, clock=fakes.clock), (USAGE,))
    record = ConsumerRecord("attempts-marketing", 0, 0, NOW, None, encode(block_of(["sent"])), [])
    with pytest.raises(KeyError, match="message-events-marketing"):
        await handler.handle(handler.open(record))


def test_a_stage_that_is_not_in_the_table_is_refused() -> None:
    nothing: Parts = object.__new__(Parts)
    with pytest.raises(KeyError):
        make_handler(STAGES[0]._replace(name="consent"), nothing)


@pytest.mark.parametrize(("number", "valid"), [(4915112345678, True), (491, False), (0, False), (4900000000000, False)])
def test_numbers_are_looked_at_once_more(number: int, valid: bool) -> None:
    assert invalid_numbers([number]) == (set() if valid else {number})
    assert invalid_numbers([4915112345678, number]) == (set() if valid else {number})


def test_the_two_methods_of_faust_that_are_replaced_are_still_the_ones_known() -> None:
    """When this fails, read Faust's change, mend `PatientConsumer`, then enter the new digest."""
    known: dict[Callable[..., Any], str] = {
        FaustConsumer._wait_next_records: "6218e1969a636b3f",
        DriverConsumer._getmany: "f9d47aa9010b5ff2",
    }
    for method, digest in known.items():
        assert sha256(inspect.getsource(method).encode()).hexdigest()[:16] == digest, method.__qualname__
