"""The writer of the log of calls: gaps are read, newer owners stop it, refused records come again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from connectors.dispatch import attempt_log as log_module
from connectors.dispatch.attempt_log import AttemptLog, Fenced
from infra.kafka.outbox import Headers
from schemas.records.codec import decode
from schemas.records.wire import Record, Started
from tests.support.dispatch.records import owner, started


class Kafka:
    """One partition; `foreign` records may be put between ours, `refuse` the next so many."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.refuse = 0
        self.hide = 0

    def post(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        partition: int,
        report: Callable[[str | None, int, int], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        if self.refuse:
            self.refuse -= 1
            loop.call_soon(report, "timed out", partition, -1)
            return
        self.records.append(decode(value))
        if self.hide:
            self.hide -= 1
            loop.call_soon(report, "timed out", partition, -1)
        else:
            loop.call_soon(report, None, partition, len(self.records) - 1)

    async def between(self, begin: int, end: int) -> list[tuple[int, Record]]:
        await asyncio.sleep(0)
        records = list(enumerate(self.records))
        return records[begin:] if end < 0 else records[begin:end]


class SenderHarness:
    """A log that owns the partition."""

    def __init__(self) -> None:
        self.kafka = Kafka()
        self.faults: list[Fenced] = []
        self.done: list[int] = []
        self.log = AttemptLog("attempts-otp", 0, self.kafka.post, self.kafka.between, self.faults.append)

    def write(self, positions: int = 1) -> None:
        self.log.write("chk", started(positions, epoch=self.log.epoch), self.done.append)

    async def rest(self) -> None:
        """Until nothing moves any more."""
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
async def harness(monkeypatch: pytest.MonkeyPatch) -> SenderHarness:
    """Records that were not taken come again at once."""
    monkeypatch.setattr(log_module, "AGAIN_SECONDS", 0)
    return SenderHarness()


async def test_the_epoch_is_the_place_of_the_owner(harness: SenderHarness) -> None:
    harness.kafka.records += [started(1), started(2)]
    assert await harness.log.take_over(owner()) == 2


async def test_contiguous_reports_are_passed_on(harness: SenderHarness) -> None:
    await harness.log.take_over(owner())
    for _ in range(3):
        harness.write()
    assert harness.log.unconfirmed == 3
    await harness.rest()
    assert harness.done == [1, 2, 3] and harness.log.unconfirmed == 0 and harness.log.next_offset == 4


async def test_a_newer_owner_in_the_gap_stops_everything(harness: SenderHarness) -> None:
    await harness.log.take_over(owner())
    harness.write()
    await harness.rest()
    harness.kafka.records.append(owner())
    harness.write()
    harness.write()
    await harness.rest()
    assert harness.done == [1] and len(harness.faults) == 1 and harness.log.fenced
    harness.write()
    await harness.rest()
    assert harness.done == [1]


async def test_an_older_owners_record_is_passed_over(harness: SenderHarness) -> None:
    harness.kafka.records.append(owner())
    await harness.log.take_over(owner())
    harness.kafka.records.append(started(1, epoch=0))
    harness.write()
    harness.write()
    await harness.rest()
    assert harness.done == [3, 4] and not harness.faults


async def test_reports_wait_while_the_gap_is_read(harness: SenderHarness) -> None:
    await harness.log.take_over(owner())
    harness.kafka.records.append(started(1, epoch=-1))
    harness.write(1)
    harness.write(2)
    harness.kafka.records.append(owner())
    harness.write(4)
    await harness.rest()
    assert harness.done == [2, 3] and len(harness.faults) == 1


async def test_a_record_that_was_not_taken_comes_again(harness: SenderHarness) -> None:
    harness.kafka.refuse = 2
    await harness.log.take_over(owner())
    harness.kafka.refuse = 3
    harness.write()
    await harness.rest()
    assert harness.done == [1]


async def test_a_record_that_was_taken_without_a_word_does_no_harm(harness: SenderHarness) -> None:
    await harness.log.take_over(owner())
    harness.kafka.hide = 1
    harness.write()
    await harness.rest()
    assert harness.done == [2]
    assert [type(record) for record in harness.kafka.records[1:]] == [Started, Started]


async def test_a_closed_log_calls_nobody(harness: SenderHarness) -> None:
    await harness.log.take_over(owner())
    harness.write()
    harness.log.close()
    await harness.rest()
    assert harness.done == []
