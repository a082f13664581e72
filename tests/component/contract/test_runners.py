"""What every runner of stages promises, on the one in memory and on Faust with a real Kafka.

An input is acknowledged after all its outputs; poison becomes a dead letter byte for byte with where it came from, the rest
goes on; a step that raises costs the one slice it raised on; an output that Kafka refuses ends the process with nothing
acknowledged; kill -9 in the middle of a burst loses nothing.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from infra.services.stack import Stack
from schemas.records.codec import decode_as
from schemas.records.topics import DEAD_LETTER
from schemas.records.wire import Envelope
from streams.faust_runner import COMMIT_SECONDS
from streams.runner import BrakeOn, Undelivered
from tests.support.streams.runner_harness import SECONDS, ConsumerThread, InMemory, RunnerHarness, WithFaust
from tests.support.streams.toy_runner import toy_record, toy_slice
from tests.support.waiting import wait_for


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    """What is logged; also keeps structlog from drawing a coloured traceback a second long for each failure."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def faust(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WithFaust]:
    services: Stack = request.getfixturevalue("services")
    harness = WithFaust(services.kafka, tmp_path)
    yield harness
    harness.end()


@pytest.fixture(params=["memory", pytest.param("faust", marks=pytest.mark.stack)])
def harness(request: pytest.FixtureRequest) -> RunnerHarness:
    if request.param == "memory":
        return InMemory()
    faust: WithFaust = request.getfixturevalue("faust")
    return faust


def plain(value: bytes | None) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]:
    return None, value, []


async def test_what_goes_in_comes_out_and_is_acknowledged(harness: RunnerHarness) -> None:
    out, letters = await harness.run([plain(toy_record(toy_slice(f"c{n}"))) for n in range(300)], 300, 0)
    assert sorted(set(out)) == sorted(f"c{n}" for n in range(300))
    assert letters == []
    wait_for(lambda: harness.committed() == 300)


async def test_poison_is_buried_whole_and_the_rest_goes_on(harness: RunnerHarness) -> None:
    poison = b"\x07 not ours \xff"
    feed: ConsumerThread = [
        plain(toy_record(toy_slice("before"))),
        (b"key", poison, [("traceparent", b"00-1")]),
        (b"null", None, []),
        plain(toy_record(toy_slice("after"))),
    ]
    out, letters = await harness.run(feed, 2, 2)
    assert set(out) == {"before", "after"}
    by_key = {key: (value, headers) for key, value, headers in letters}
    value, headers = by_key[b"key"]
    assert value == poison
    assert headers["traceparent"] == b"00-1"
    assert headers["x-error-code"] == b"undecodable"
    assert headers["x-service"] == b"streams"
    assert headers["x-attempts"] == b"1"
    assert headers["x-first-failed-at"].isdigit() and headers["x-orig-offset"].isdigit()
    assert int(headers["x-orig-timestamp"]) > 0
    assert by_key[b"null"][0] is None
    wait_for(lambda: harness.committed() == 4)


async def test_a_slice_that_fails_is_buried_alone(harness: RunnerHarness) -> None:
    mixed = toy_record(toy_slice("good-1"), toy_slice("bad", "boom"), toy_slice("good-2"))
    out, letters = await harness.run(
        [plain(toy_record(toy_slice("first"))), (b"k", mixed, []), plain(toy_record(toy_slice("last")))], 4, 1
    )
    assert set(out) == {"first", "good-1", "good-2", "last"}
    [(key, value, headers)] = letters
    assert key == b"k"
    assert value == toy_record(toy_slice("bad", "boom"))
    assert [s.chunk for s in decode_as(value, Envelope).slices] == ["bad"]
    assert headers["x-error-code"] == b"step_failed"
    assert headers["x-error-class"] == b"ValueError"
    wait_for(lambda: harness.committed() == 3)


async def test_an_output_that_is_refused_leaves_the_input_unacknowledged() -> None:
    harness = InMemory()
    harness.runner.send(toy_record(toy_slice("c")))
    harness.runner.topics.fail_next = 1
    with pytest.raises(Undelivered):
        await harness.runner.drain()
    assert harness.committed() == 0
    harness.runner.restart()
    await harness.runner.drain()
    assert harness.committed() == 1
    assert [o.value for o in harness.runner.topics.on("out")] == [b"c"]


async def test_the_brake_ends_the_process_before_a_topic_is_buried(logged: list[Any]) -> None:
    harness = InMemory()
    for n in range(25):
        harness.runner.send(toy_record(toy_slice(f"c{n}", "boom")))
    with pytest.raises(BrakeOn):
        await harness.runner.drain()
    assert harness.committed() == 0
    assert harness.runner.topics.written == []
    assert [entry["offset"] for entry in logged if entry["action"] == "step_failed"] == list(range(21))


async def test_failures_between_successes_pull_no_brake() -> None:
    harness = InMemory()
    for n in range(100):
        harness.runner.send(toy_record(toy_slice(f"c{n}", "boom" if n % 2 else "hi")))
    await harness.runner.drain()
    assert len(harness.runner.topics.on(DEAD_LETTER)) == 50
    assert len(harness.runner.topics.on("out")) == 50


@pytest.mark.stack
def test_faust_ends_with_70_when_an_output_is_refused(services: Stack, tmp_path: Path) -> None:
    harness = WithFaust(services.kafka, tmp_path, out_bytes=150)
    try:
        harness.send([plain(toy_record(toy_slice(os.urandom(60).hex())))])
        assert harness.start().wait(SECONDS) == 70
        assert harness.committed() == 0
    finally:
        harness.end()


@pytest.mark.stack
def test_faust_says_that_offsets_are_missing(services: Stack, tmp_path: Path) -> None:
    harness = WithFaust(services.kafka, tmp_path, offsets=False)
    try:
        harness.send([plain(toy_record(toy_slice("c")))])
        assert harness.start().wait(SECONDS) == 70
        assert "sluice topics apply" in (tmp_path / "stderr").read_text()
    finally:
        harness.end()


@pytest.mark.stack
def test_kill_in_the_middle_of_a_burst_loses_nothing(faust: WithFaust) -> None:
    feed = [plain(toy_record(toy_slice(f"c{n}", "hang" if n == 150 else "hi"))) for n in range(400)]
    faust.send(feed)
    first = faust.start()
    wait_for(lambda: (faust.folder / "hung").exists(), SECONDS)
    os.kill(first.pid, signal.SIGKILL)
    first.wait(30)
    faust.start()
    wait_for(lambda: faust.committed() == 400, SECONDS)
    assert set(faust.outputs(400)) >= {f"c{n}" for n in range(400)}


@pytest.mark.stack
def test_what_waits_in_memory_is_not_committed(faust: WithFaust) -> None:
    # One key, so one of the two partitions: what the other one has before the one that hangs may well be committed.
    faust.send([(b"k", toy_record(toy_slice(f"c{n}", "hang" if n == 20 else "hi")), []) for n in range(60)])
    first = faust.start()
    wait_for(lambda: (faust.folder / "hung").exists(), SECONDS)
    rounds_are_over = time.monotonic() + 4 * COMMIT_SECONDS
    while time.monotonic() < rounds_are_over:
        assert faust.committed() <= 20
    first.kill()
    first.wait(30)
    faust.start()
    wait_for(lambda: faust.committed() == 60, SECONDS)
    assert set(faust.outputs(60)) >= {f"c{n}" for n in range(60)}


@pytest.mark.stack
def test_kill_while_outputs_are_gathered_loses_nothing(faust: WithFaust) -> None:
    faust.send([plain(toy_record(toy_slice(f"c{n}", "hang" if n == 60 else "hi"))) for n in range(61)])
    first = faust.start("toy-0", "600")
    wait_for(lambda: (faust.folder / "hung").exists(), SECONDS)
    rounds_are_over = time.monotonic() + 4 * COMMIT_SECONDS
    while time.monotonic() < rounds_are_over:
        assert faust.committed() == 0
    first.kill()
    first.wait(30)
    faust.start("toy-0", "0.1")
    wait_for(lambda: faust.committed() == 61, SECONDS)
    assert set(faust.outputs(61)) >= {f"c{n}" for n in range(61)}


@pytest.mark.stack
def test_a_stop_is_quick_and_keeps_what_was_acknowledged(faust: WithFaust) -> None:
    faust.send([plain(toy_record(toy_slice(f"c{n}"))) for n in range(50)])
    child = faust.start()
    faust.outputs(50)
    child.send_signal(signal.SIGTERM)
    child.wait(30)
    faust.send([plain(toy_record(toy_slice("later")))])
    faust.start()
    wait_for(lambda: faust.committed() == 51, SECONDS)
    assert "later" in faust.outputs(51)


@pytest.mark.stack
def test_two_workers_share_and_lose_nothing_when_one_is_killed(faust: WithFaust) -> None:
    first, second = faust.start("toy-0"), faust.start("toy-1")
    wait_for(lambda: (faust.folder / "ready-toy-0").exists() and (faust.folder / "ready-toy-1").exists(), SECONDS)
    for begin in range(0, 600, 200):
        faust.send([plain(toy_record(toy_slice(f"c{n}"))) for n in range(begin, begin + 200)])
        if begin == 200:
            first.kill()
            first.wait(30)
            faust.start("toy-0")
    wait_for(lambda: faust.committed() == 600, SECONDS)
    assert second.poll() is None
    assert set(faust.outputs(600)) >= {f"c{n}" for n in range(600)}
