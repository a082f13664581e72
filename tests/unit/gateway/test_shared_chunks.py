"""Single messages on their way into chunks: who shares one, what nobody waits for, and how each is answered.

In: members, and a Kafka that acknowledges when it is told to. Out: the slices, and what each member heard.
"""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, cast

import pytest

from gateway import ingest
from gateway.http.problem import Problem
from gateway.ingest import Ingest
from gateway.messages import shared_chunks
from gateway.messages.keyed_chunks import KeyedChunks
from gateway.messages.member import Member
from gateway.messages.recent import RecentMessages
from gateway.messages.shared_chunks import MAX_SHARED, MAX_SHARED_CHARACTERS, SharedChunks
from gateway.messages.singles import Checked, Group
from gateway.redis_batches import RedisBatches, RedisDown
from infra.kafka.outbox import Headers, Outbox, Report
from infra.telemetry.metrics import Metrics
from schemas.records.codec import decode_as
from schemas.records.slice import Slice
from schemas.records.wire import Envelope
from schemas.values.ids import MessageId
from tests.support.dispatch.records import SEALER
from tests.support.waiting import turns, until

GROUP = Group("0b7c1d52-5f0f-4b3e-9d38-0d9a1a3f7c11", "transactional", "Shop", False, 60, False)
Deliver = Callable[[Slice, str | None], Awaitable[None]]


class SlowOutbox:
    """Acknowledges what `acknowledge` is called for."""

    def __init__(self) -> None:
        self.slices: list[Slice] = []
        self.traces: list[bytes | None] = []
        self.reports: list[Report] = []

    def post(
        self, _topic: str, _key: bytes | None, value: bytes | None, headers: Headers, _partition: int, report: Report
    ) -> None:
        self.slices += decode_as(value, Envelope).slices
        self.traces.append(dict(headers).get("traceparent"))
        self.reports.append(report)

    async def acknowledge(self, error: str | None = None) -> None:
        """The oldest record; what follows from it has happened when this returns."""
        self.reports.pop(0)(error, 0, 0)
        await turns()


class NoRedis:
    """Away: what is remembered is in this process alone."""

    async def run(self, *_: Any) -> None:
        raise RedisDown("away")


class Nobody:
    """No message here has a key, unless the test says so."""

    async def send(self, _group: Group, _members: Sequence[Member], _deliver: Deliver) -> None:
        raise AssertionError("a message without a key was taken for one with a key")


class Told:
    """What members heard, by the number they stand for."""

    def __init__(self) -> None:
        self.ids: dict[int, str] = {}
        self.problems: dict[int, Problem] = {}

    def member(self, number: int, text: str = "Hello") -> Member:
        def answer(outcome: MessageId | Problem, _replayed: bool) -> None:
            assert number not in self.ids and number not in self.problems, "told twice"
            if isinstance(outcome, Problem):
                self.problems[number] = outcome
            else:
                self.ids[number] = outcome

        checked = Checked(number=number, text=text, ref=None, encoding="gsm7", segments=1, price=1)
        return Member(checked=checked, traceparent=f"trace-{number}", answer=answer, root="", digest=b"d" * 16)


@pytest.fixture
def outbox() -> SlowOutbox:
    return SlowOutbox()


@pytest.fixture
async def shared(outbox: SlowOutbox) -> SharedChunks:
    roots = iter(range(1000))
    return SharedChunks(
        Ingest(cast(Outbox, outbox), Metrics()),
        RecentMessages(cast(RedisBatches, NoRedis())),
        cast(KeyedChunks, Nobody()),
        SEALER,
        Metrics(),
        now=lambda: 5,
        new_root=lambda: f"{next(roots):026d}",
    )


def numbers(slice_: Slice) -> list[int]:
    return list(array("Q", SEALER.open(slice_).to))


async def test_one_alone_waits_for_nobody_and_is_its_own_chunk(shared: SharedChunks, outbox: SlowOutbox) -> None:
    told = Told()
    shared.put(GROUP, told.member(1))
    await turns()
    assert [(s.chunk, s.size) for s in outbox.slices] == [("msg_" + "0" * 26, 1)]
    assert outbox.traces == [b"trace-1"] and told.ids == {}
    await outbox.acknowledge()
    assert told.ids == {1: "msg_" + "0" * 26}


async def test_what_comes_while_one_is_on_its_way_goes_together(shared: SharedChunks, outbox: SlowOutbox) -> None:
    told = Told()
    shared.put(GROUP, told.member(1))
    await turns()
    for number in (2, 3, 4):
        shared.put(GROUP, told.member(number))
    await turns()
    assert len(outbox.slices) == 1
    await outbox.acknowledge()
    _, second = outbox.slices
    assert (second.chunk[:4], second.size, numbers(second), second.digest) == ("chk_", 3, [2, 3, 4], None)
    assert outbox.traces[1] is None, "the trace of one caller stands for all"
    await outbox.acknowledge()
    assert [told.ids[n] for n in (2, 3, 4)] == [f"msg_{second.chunk[4:]}-{n}" for n in range(3)]


@pytest.mark.parametrize(
    "other",
    [
        GROUP._replace(tenant="1b7c1d52-5f0f-4b3e-9d38-0d9a1a3f7c11"),
        GROUP._replace(lane="otp"),
        GROUP._replace(sender="Bank"),
        GROUP._replace(smart=True),
        GROUP._replace(validity_seconds=61),
    ],
)
async def test_nobody_shares_with_a_stranger(shared: SharedChunks, outbox: SlowOutbox, other: Group) -> None:
    told = Told()
    for number in range(6):
        shared.put(other if number % 2 else GROUP, told.member(number))
    await turns()
    assert sorted(numbers(s) for s in outbox.slices) == [[0, 2, 4], [1, 3, 5]]
    for slice_ in outbox.slices:
        which = other if 1 in numbers(slice_) else GROUP
        assert (slice_.tenant, slice_.lane, slice_.sender, slice_.smart) == which[:4]
        assert slice_.expires_at == 5 + which.validity_seconds * 1000


async def test_a_chunk_has_bounds(shared: SharedChunks, outbox: SlowOutbox) -> None:
    told = Told()
    for number in range(MAX_SHARED + 1):
        shared.put(GROUP, told.member(number))
    long = "x" * (MAX_SHARED_CHARACTERS // 2)
    for number in range(1000, 1003):
        shared.put(GROUP._replace(sender="Long"), told.member(number, long))
    await turns()
    while outbox.reports:
        await outbox.acknowledge()
        await until(lambda: outbox.reports or len(told.ids) == MAX_SHARED + 4)
    sizes = {sender: [s.size for s in outbox.slices if s.sender == sender] for sender in ("Shop", "Long")}
    assert sizes == {"Shop": [MAX_SHARED, 1], "Long": [2, 1]}


async def test_those_of_a_chunk_that_kafka_did_not_take_hear_it_and_the_next_go_on(
    shared: SharedChunks, outbox: SlowOutbox
) -> None:
    told = Told()
    for number in range(3):
        shared.put(GROUP, told.member(number))
    await turns()
    shared.put(GROUP, told.member(3))
    await outbox.acknowledge("timed out")
    assert {p.code for p in told.problems.values()} == {"kafka_unavailable"} and list(told.problems) == [0, 1, 2]
    await outbox.acknowledge()
    assert list(told.ids) == [3]


async def test_a_fault_of_ours_is_told_and_holds_nobody_else(shared: SharedChunks, outbox: SlowOutbox) -> None:
    told = Told()
    shared.put(GROUP._replace(keyed=True), told.member(1))
    shared.put(GROUP, told.member(2))
    await turns()
    assert {n: p.status for n, p in told.problems.items()} == {1: 500}
    await outbox.acknowledge()
    assert list(told.ids) == [2]


async def test_who_waits_too_long_is_told_and_not_sent(
    shared: SharedChunks, outbox: SlowOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_chunks, "ANSWER_SECONDS", 0.01)
    monkeypatch.setattr(shared_chunks, "OVERDUE_SECONDS", 0.005)
    told = Told()
    shared.put(GROUP, told.member(1))
    await turns()
    shared.put(GROUP, told.member(2))
    await until(lambda: len(told.problems) == 2)
    assert {p.code for p in told.problems.values()} == {"kafka_unavailable"}
    await outbox.acknowledge()
    assert [numbers(s) for s in outbox.slices] == [[1]] and told.ids == {}


async def test_only_so_many_wait(shared: SharedChunks, outbox: SlowOutbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_chunks, "MAX_WAITING", 3)
    told = Told()
    for number in range(3):
        shared.put(GROUP, told.member(number))
    with pytest.raises(Problem, match="overloaded"):
        shared.put(GROUP, told.member(3))
    await turns()
    await outbox.acknowledge()
    shared.put(GROUP, told.member(4))
    await turns()
    assert numbers(outbox.slices[-1]) == [4]


async def test_one_that_waits_for_long_does_not_make_those_count_that_do_not(
    shared: SharedChunks, outbox: SlowOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_chunks, "MAX_WAITING", 3)
    monkeypatch.setattr(shared_chunks, "OVERDUE_SECONDS", 0.001)
    told = Told()

    def put(number: int) -> bool:
        try:
            shared.put(GROUP._replace(sender="Other"), told.member(number))
        except Problem:
            return False
        return True

    shared.put(GROUP, told.member(0))
    await turns()
    for number in range(1, 10):
        await until(partial(put, number))
        await until(lambda: len(outbox.reports) == 2)
        outbox.reports.pop(1)(None, 0, 0)
        await until(partial(told.ids.__contains__, number))
    assert list(told.ids) == list(range(1, 10))


async def test_bytes_that_wait_are_bounded_too(
    shared: SharedChunks, outbox: SlowOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_chunks, "MAX_WAITING_BYTES", 100)
    told = Told()
    shared.put(GROUP, told.member(1, "x" * 60))
    with pytest.raises(Problem, match="overloaded"):
        shared.put(GROUP, told.member(2, "x" * 60))
    await turns()
    await outbox.acknowledge()
    shared.put(GROUP, told.member(3, "x" * 60))


def test_the_limits_fit_into_a_record() -> None:
    assert cast(Any, MAX_SHARED_CHARACTERS) * 4 + MAX_SHARED * 1000 < ingest.MAX_BYTES
