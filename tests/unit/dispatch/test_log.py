"""The writer of the log of calls: gaps are read, newer owners stop it, refused records come again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from connectors.dispatch import log as log_module
from connectors.dispatch.log import AttemptLog, Fenced
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

    def post(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int,
             report: Callable[[str | None, int, int], None]) -> None:
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


class Rig:
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
async def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Records that were not taken come again at once."""
    monkeypatch.setattr(log_module, "AGAIN_SECONDS", 0)
    return Rig()


async def test_the_epoch_is_the_place_of_the_owner(rig: Rig) -> None:
    rig.kafka.records += [started(1), started(2)]
    assert await rig.log.take_over(owner()) == 2


async def test_contiguous_reports_are_passed_on(rig: Rig) -> None:
    await rig.log.take_over(owner())
    for _ in range(3):
        rig.write()
    assert rig.log.unreported == 3
    await rig.rest()
    assert rig.done == [1, 2, 3] and rig.log.unreported == 0 and rig.log.next == 4


async def test_a_newer_owner_in_the_gap_stops_everything(rig: Rig) -> None:
    await rig.log.take_over(owner())
    rig.write()
    await rig.rest()
    rig.kafka.records.append(owner())
    rig.write()
    rig.write()
    await rig.rest()
    assert rig.done == [1] and len(rig.faults) == 1 and rig.log.fenced
    rig.write()
    await rig.rest()
    assert rig.done == [1]


async def test_an_older_owners_record_is_passed_over(rig: Rig) -> None:
    rig.kafka.records.append(owner())
    await rig.log.take_over(owner())
    rig.kafka.records.append(started(1, epoch=0))
    rig.write()
    rig.write()
    await rig.rest()
    assert rig.done == [3, 4] and not rig.faults


async def test_reports_wait_while_the_gap_is_read(rig: Rig) -> None:
    await rig.log.take_over(owner())
    rig.kafka.records.append(started(1, epoch=-1))
    rig.write(1)
    rig.write(2)
    rig.kafka.records.append(owner())
    rig.write(4)
    await rig.rest()
    assert rig.done == [2, 3] and len(rig.faults) == 1


async def test_a_record_that_was_not_taken_comes_again(rig: Rig) -> None:
    rig.kafka.refuse = 2
    await rig.log.take_over(owner())
    rig.kafka.refuse = 3
    rig.write()
    await rig.rest()
    assert rig.done == [1]


async def test_a_record_that_was_taken_without_a_word_does_no_harm(rig: Rig) -> None:
    await rig.log.take_over(owner())
    rig.kafka.hide = 1
    rig.write()
    await rig.rest()
    assert rig.done == [2]
    assert [type(record) for record in rig.kafka.records[1:]] == [Started, Started]


async def test_a_closed_log_calls_nobody(rig: Rig) -> None:
    await rig.log.take_over(owner())
    rig.write()
    rig.log.close()
    await rig.rest()
    assert rig.done == []
