"""Settlement: what a replaced owner of the log of calls may no longer say, also after a restart of ours."""

from __future__ import annotations

import msgspec

from schemas.records.codec import encode
from schemas.records.wire import Owner
from tests.support.streams.fakes import NOW, FakePorts, some
from tests.support.streams.outputs import changes, usage
from tests.support.streams.records import OWNERS, block_of, returned, started
from tests.support.streams.runs import restarted, run_settlement


async def test_a_replaced_owner_never_causes_another_try() -> None:
    owner = Owner(owner="b", lane="marketing", at=NOW)
    late = msgspec.structs.replace(block_of(["sent", "transient"]), epoch=0)
    outputs = await run_settlement(started(0b11, epoch=-1), owner, late, returned("no_carrier"))
    assert ("sent", 1, some(0), "none") in changes(outputs)
    assert [o.topic for o in outputs if o.topic.startswith("retry") or o.topic == "held"] == []
    assert usage(outputs) == [(some(0), 0, b"\2")]


async def test_the_newest_owner_causes_tries_again() -> None:
    owner = Owner(owner="b", lane="marketing", at=NOW)
    ours = msgspec.structs.replace(block_of(["transient"]), epoch=0)
    outputs = await run_settlement(owner, ours)
    assert [o.topic for o in outputs if o.topic.startswith("retry")] == ["retry-10s-marketing"]


async def test_an_owner_is_remembered_over_bursts() -> None:
    owner = Owner(owner="b", lane="marketing", at=NOW)
    late = msgspec.structs.replace(block_of(["transient"]), epoch=-1)
    outputs = await run_settlement(owner, late, batch=1)
    assert outputs == []


STALE = msgspec.structs.replace(block_of(["sent", "transient"]), epoch=0)


async def test_after_a_restart_a_replaced_owner_still_causes_no_other_try() -> None:
    fakes = FakePorts()
    runner = restarted(fakes, *OWNERS, STALE)
    await runner.drain()
    assert changes(runner.topics.written) == [("sent", 1, some(0), "none")]
    assert runner.topics.on("retry-10s-marketing") == []
    assert fakes.asked == [[("attempts-marketing", 0, 2, 1_000)]]


async def test_an_owner_shows_in_what_he_wrote() -> None:
    fakes = FakePorts()
    runner = restarted(fakes, started(0b1, epoch=7), STALE)
    await runner.drain()
    assert runner.topics.on("retry-10s-marketing") == []


async def test_nothing_is_decided_while_the_log_cannot_be_read_back() -> None:
    fakes = FakePorts(log_down=2)
    runner = restarted(fakes, *OWNERS, STALE)
    await runner.drain()
    assert len(fakes.asked) == 3
    assert runner.topics.on("retry-10s-marketing") == []
    assert changes(runner.topics.written) == [("sent", 1, some(0), "none")]


async def test_the_log_is_read_back_once_and_never_for_an_owner() -> None:
    fakes = FakePorts()
    runner = restarted(fakes, OWNERS[0], STALE)
    await runner.drain()
    assert len(runner.topics.on("retry-10s-marketing")) == 1
    for record in (OWNERS[1], STALE):
        runner.send(encode(record))
    await runner.drain()
    assert len(fakes.asked) == 1
    assert len(runner.topics.on("retry-10s-marketing")) == 1
    fresh = restarted(FakePorts(log_down=9), OWNERS[0])
    await fresh.drain()
    assert fresh.acknowledged == 1


async def test_what_another_process_handled_meanwhile_is_read_back_too() -> None:
    fakes = FakePorts()
    runner = restarted(fakes, OWNERS[0], started(0b11))
    await runner.drain()
    for record in (OWNERS[1], STALE):
        runner.send(encode(record))
        fakes.log.append(record)
    runner.acknowledged += 1
    await runner.drain()
    assert runner.topics.on("retry-10s-marketing") == []


async def test_an_owner_counts_also_where_records_are_handled_one_by_one() -> None:
    broken = msgspec.structs.replace(block_of(["sent"]), to_hashes=b"1")
    fakes = FakePorts()
    runner = restarted(fakes, OWNERS[0], broken, OWNERS[1], STALE)
    runner.acknowledged = 0
    await runner.drain()
    assert len(runner.topics.on("dead-letter")) == 1
    assert runner.topics.on("retry-10s-marketing") == []
