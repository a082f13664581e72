"""Owners that end without a word: what the next one makes of the log."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from typing import Any

import pytest

from connectors.dispatch.attempt_log import Fenced
from connectors.simulator.script import Script
from infra.runtime.role import FAILED
from schemas.records.codec import decode_as, encode
from schemas.records.slice import Slice
from schemas.records.topics import DEAD_LETTER, attempts
from schemas.records.wire import Envelope, Owner, Settled, Started, Verdict
from schemas.values.lanes import Lane
from schemas.values.positions import places
from tests.support.dispatch.env import DispatchEnv, MakeEnv
from tests.support.dispatch.topics import now
from tests.support.topic_reader import read_topic
from tests.support.waiting import until

pytestmark = pytest.mark.stack


def verdicts(env: DispatchEnv) -> dict[int, list[tuple[str, str]]]:
    """By position of chunk 0: what the log says of it, in order."""
    found: dict[int, list[tuple[str, str]]] = {}
    for record in env.of(Settled):
        for verdict in record.verdicts:
            for position in places(verdict.positions):
                found.setdefault(position, []).append((verdict.outcome, verdict.reason))
    return found


def sent(env: DispatchEnv) -> set[int]:
    """Positions of chunk 0 that the carrier has, as the log says."""
    return {position for position, found in verdicts(env).items() if ("sent", "none") in found}


def starts(env: DispatchEnv) -> Counter[int]:
    """How often each position was started."""
    return Counter(position for record in env.of(Started) for position in places(record.positions))


async def test_marketing_that_was_in_flight_is_not_sent_again(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open(Script(answer_delay_seconds=0.3), rate=300)
    process = await env.spawn()
    env.put(env.slice(100))
    await until(lambda: len(env.times_taken()) > 30)
    env.kill(process)
    env.server.change(Script())
    await env.start()
    await until(lambda: set(verdicts(env)) == set(range(100)))
    assert max(env.times_taken().values()) == 1
    uncertain = {p for p, found in verdicts(env).items() if ("uncertain", "owner_lost") in found}
    sent = {p for p, found in verdicts(env).items() if found == [("sent", "none")]}
    assert uncertain and sent and uncertain | sent == set(range(100))
    assert set(starts(env).values()) == {1}
    await until(lambda: env.committed()[0] == env.dispatch_end())


async def test_otp_that_was_in_flight_is_sent_once_more_and_then_never(make_env: MakeEnv) -> None:
    env = make_env(Lane.OTP)
    await env.open(Script(answer_delay_seconds=3), rate=300, window=20)  # nothing is answered before its owner ends
    env.put(*(env.slice(1, n, campaign=None, chunk=f"msg_{env.root[:-2]}{n:02}") for n in range(30)))
    process = await env.spawn()
    await until(lambda: len(env.times_taken()) >= 5)
    env.kill(process)
    process = await env.spawn()
    await until(lambda: max(env.times_taken().values()) == 2)
    env.kill(process)
    env.server.change(Script())
    await env.start()
    await until(lambda: {record.chunk for record in env.of(Settled)} == {f"msg_{env.root[:-2]}{n:02}" for n in range(30)})
    assert max(env.times_taken().values()) == 2
    started: Counter[str] = Counter(record.chunk for record in env.of(Started))
    outcomes = {record.chunk: record.verdicts[0].outcome for record in env.of(Settled)}
    assert {outcomes[chunk] for chunk, times in started.items() if times == 1} == {"sent"}
    assert "uncertain" in {outcomes[chunk] for chunk, times in started.items() if times == 2}
    twice = [destination for destination, times in env.times_taken().items() if times == 2]
    assert len(twice) <= sum(times == 2 for times in started.values())


async def test_otp_between_its_two_tries_is_left_to_the_next_owner_and_no_third_is_made(make_env: MakeEnv) -> None:
    env = make_env(Lane.OTP)
    await env.open(Script(lose_answer_every=1))
    process = await env.spawn()
    env.put(env.slice(1))
    await until(env.times_taken)
    port = env.server.port
    await env.server.stop()
    await until(lambda: verdicts(env) == {0: [("unanswered", "connection_lost")]})
    env.kill(process)
    await env.server.start("127.0.0.1", port)
    process = await env.spawn()
    await until(lambda: set(env.times_taken().values()) == {2})
    env.kill(process)
    env.server.change(Script())
    await env.start()
    await until(lambda: verdicts(env)[0][-1] == ("uncertain", "owner_lost"))
    await until(lambda: env.committed()[0] == env.dispatch_end())
    assert set(env.times_taken().values()) == {2} and starts(env) == {0: 2}


async def test_a_newer_owner_stops_the_older_one_before_the_next_byte(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open()
    await env.start()
    env.put(env.slice(10))
    await until(lambda: len(verdicts(env)) == 10)
    usurper = Owner(owner="somebody else", lane=env.lane, at=now())
    env.put_raw(encode(usurper), topic=attempts(env.lane))
    env.put(env.slice(10, 1))
    fault = await env.ended()
    assert isinstance(fault, Fenced)
    assert len(env.times_taken()) == 10, "not one message after the newer owner's record"


async def test_a_fenced_process_ends_with_70(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open()
    process = await env.spawn()
    env.put_raw(encode(Owner(owner="somebody else", lane=env.lane, at=now())), topic=attempts(env.lane))
    env.put(env.slice(3))
    await until(lambda: process.poll() is not None)
    assert process.returncode == FAILED
    assert env.submits() == []


async def test_a_record_of_an_older_owner_is_passed_over(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open()
    await env.start()
    env.put(env.slice(5))
    await until(lambda: len(verdicts(env)) == 5)
    late = env.of(Started)[0]
    env.put_raw(
        encode(type(late)(**{name: getattr(late, name) for name in late.__struct_fields__} | {"epoch": -1})),
        topic=attempts(env.lane),
    )
    env.put(env.slice(5, 1))
    await until(lambda: len(env.times_taken()) == 10)
    assert set(env.times_taken().values()) == {1}


async def test_settled_is_known_to_the_next_owner_without_its_commit(make_env: MakeEnv) -> None:
    env = make_env(Lane.TRANSACTIONAL)
    await env.open(Script(error_suffixes={"009": 0x58}))
    process = await env.spawn()
    env.put(env.slice(10))
    await until(lambda: len(sent(env)) == 9)
    offset, _ = env.committed()
    assert offset < env.dispatch_end(), "the throttled one keeps the record open"
    env.kill(process)
    await until(lambda: not env.server.connections)
    env.server.change(Script())
    await env.start()
    await until(lambda: len(sent(env)) == 10)
    assert set(env.times_taken().values()) == {1}
    await until(lambda: env.committed()[0] == env.dispatch_end())


def stopped_between_two_tries(env: DispatchEnv, process: subprocess.Popen[bytes]) -> bool:
    """Stop the process; it goes on when it was waiting for an answer."""
    os.kill(process.pid, signal.SIGSTOP)
    between = all(times == len(verdicts(env)[position]) for position, times in starts(env).items())
    if not between:
        os.kill(process.pid, signal.SIGCONT)
    return between


def record_of(kind: type[Any], slice_: Slice, **given: Any) -> Any:
    """A record of the log about a slice, as an owner would write it."""
    whole = slice_.positions.bit_count()
    fields = {
        name: getattr(slice_, name)
        for name in (
            "tenant",
            "campaign",
            "chunk",
            "part",
            "size",
            "lane",
            "send",
            "round",
            "price_class",
            "attempts",
            "positions",
            "carrier",
        )
    }
    if kind is Settled:
        fields |= {
            "price": 0,
            "lease": None,
            "indexes": slice_.indexes,
            "segments": bytes([1]) * whole,
            "ids": "",
            "to_hashes": bytes(8 * whole),
            "key_id": "",
            "verdicts": [Verdict(outcome="not_submitted", reason="throttled", code=None, positions=slice_.positions)],
        }
    return kind(**fields | {"at": now()} | given)


async def test_throttled_marketing_is_sent_exactly_once_by_the_next_owner(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open(Script(error_suffixes={"002": 0x58}), rate=4)  # a quarter of a second between two tries
    process = await env.spawn()
    env.put(env.slice(3))
    await until(lambda: verdicts(env).get(2, []).count(("not_submitted", "throttled")) >= 2 and len(verdicts(env)) == 3)
    await until(lambda: stopped_between_two_tries(env, process))
    env.kill(process)
    assert env.committed()[0] < env.dispatch_end(), "the throttled one keeps the record open"
    env.server.change(Script())
    await env.start()
    await until(lambda: verdicts(env)[2][-1][0] != "not_submitted")
    assert verdicts(env)[2][-1] == ("sent", "none")
    assert set(env.times_taken().values()) == {1} and len(env.times_taken()) == 3
    assert starts(env)[2] == len(verdicts(env)[2]) and starts(env)[0] == 1
    await until(lambda: env.committed()[0] == env.dispatch_end())


@pytest.mark.parametrize("late", [False, True])
async def test_an_old_owners_late_word_that_it_was_not_taken_sends_nothing(make_env: MakeEnv, late: bool) -> None:
    env = make_env(Lane.MARKETING)
    await env.open()
    whole = env.slice(2)
    topic = attempts(env.lane)
    env.put_raw(encode(Owner(owner="the first", lane=env.lane, at=now())), topic=topic)
    epoch = env.calls()[-1][0]
    started = record_of(Started, whole, epoch=epoch, dispatch_offset=env.dispatch_end())
    word = record_of(Settled, whole, epoch=epoch)
    newer = Owner(owner="the second", lane=env.lane, at=now())
    env.put_raw(*map(encode, [started, newer, word] if late else [started, word, newer]), topic=topic)
    env.put(whole)
    await env.start()
    await until(lambda: env.committed()[0] == env.dispatch_end())
    ends = {found[-1] for found in verdicts(env).values()}
    assert ends == ({("uncertain", "owner_lost")} if late else {("sent", "none")})
    assert len(env.times_taken()) == (0 if late else 2)


@pytest.mark.slow
async def test_a_chunk_that_ends_every_owner_is_taken_apart_and_buried(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open(window=8)
    env.put(env.slice(25))
    crashes = 0
    while len(verdicts(env)) < 25:
        assert crashes < 15, "the chunk ends one owner after the other"
        process = await env.spawn(crash_on="4915100000")
        await until(lambda process=process: process.poll() is not None or len(verdicts(env)) == 25)  # type: ignore[misc]
        crashes += process.poll() is not None
    assert crashes >= 4
    assert env.submits() == []
    ends = Counter(found[-1] for found in verdicts(env).values())
    assert set(ends) == {("uncertain", "owner_lost"), ("failed", "crash_loop")}
    letters = [
        decode_as(record.value, Envelope).slices
        for record in read_topic(env.settings.kafka.bootstrap or "", DEAD_LETTER)
        if record.headers["x-error-code"] == "crash_loop"
    ]
    # A process that ends before its burial stands leaves it to the next one, which then buries two in one letter.
    buried = {p for [one] in letters if one.chunk.endswith(f"{env.root}_0_0") for p in places(one.positions)}
    assert buried == {p for p, found in verdicts(env).items() if found[-1] == ("failed", "crash_loop")}
