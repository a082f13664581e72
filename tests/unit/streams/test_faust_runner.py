"""Between Faust and a runner: a batch that does not come to its end must end the process, however it fails; topics that
gather are not asked for while they do."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition as TP

from infra.kafka.records import ConsumerRecord
from streams import faust_runner
from streams.faust_runner import BatchQueue, FetchThread, Source
from tests.support.waiting import until


class Stream:
    """Gives so many events, then waits."""

    enable_acks = True

    def __init__(self, count: int) -> None:
        self._count = count
        self.acked: list[int] = []

    async def events(self) -> AsyncIterator[Any]:
        for offset in range(self._count):
            yield SimpleNamespace(
                message=SimpleNamespace(
                    topic="t", partition=0, offset=offset, timestamp=1.0, key=None, value=b"v", headers=None
                )
            )
        await asyncio.Event().wait()

    async def ack(self, event: Any) -> None:
        self.acked.append(event.message.offset)


@pytest.mark.parametrize("fault", [asyncio.CancelledError(), ValueError("no")])
async def test_a_burst_that_fails_ends_the_process(fault: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(faust_runner, "end_process", lambda sentence, _action: ended.set_result(sentence))

    async def fail(_burst: Sequence[ConsumerRecord]) -> None:
        raise fault

    stream = Stream(3)
    reading = asyncio.create_task(BatchQueue(Source("t", fail, 2)).read(stream))
    sentence = await asyncio.wait_for(ended, 30)
    assert type(fault).__name__ in sentence
    assert stream.acked == []
    reading.cancel()


async def test_a_stream_that_ends_ends_its_bursts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[str] = []
    monkeypatch.setattr(faust_runner, "end_process", lambda sentence, _action: ends.append(sentence))
    begun = asyncio.Event()

    async def never(_burst: Sequence[ConsumerRecord]) -> None:
        begun.set()
        await asyncio.Event().wait()

    reading = asyncio.create_task(BatchQueue(Source("t", never, 2)).read(Stream(3)))
    await asyncio.wait_for(begun.wait(), 30)
    work = [task for task in asyncio.all_tasks() if task.get_name() == "batches of t"]
    reading.cancel()
    await asyncio.wait([reading, *work])
    assert ends == []


class Consumer:
    """What the thread asks of aiokafka's consumer. `taken`: what each call brings."""

    def __init__(self, *taken: str) -> None:
        self._closed = False
        self._fetcher = self
        self._fetch_max_wait_ms = 500
        self._get_actions_per_node, self._in_flight = None, set[int]()
        self._records: dict[TP, object] = {}  # fetched and not handed out
        self._subscriptions = SimpleNamespace(fetch_context=nullcontext)
        self._taken = list(taken)
        self.tps = {TP(topic, number) for topic in ("now", "later") for number in (0, 1)}
        self.paused: set[TP] = set()

    async def fetched_records(self, *_args: object, **_kwargs: object) -> dict[TP, list[bytes]]:
        return {TP(topic, 0): [b"v"] * count for topic, count in Counter(self._taken.pop(0).split()).items()}

    def assignment(self) -> set[TP]:
        return self.tps

    def pause(self, *tps: TP) -> None:
        self.paused |= set(tps)

    def resume(self, *tps: TP) -> None:
        assert set(tps) <= self.tps, "a partition that went to another process"
        self.paused -= set(tps)


def fetch_thread(**gather: float) -> FetchThread:
    thread = FetchThread.__new__(FetchThread)
    thread.consumer = SimpleNamespace(flow_active=True, transport=SimpleNamespace(gather=gather))  # type: ignore[assignment]
    return thread


async def test_topics_that_gather_are_left_out_of_fetches_for_a_while() -> None:
    thread, consumer = fetch_thread(later=0.04), Consumer("now", "now later", "later", "now")
    assert set(await thread._fetch_records(consumer, consumer.tps)) == {TP("now", 0)}
    assert not consumer.paused and consumer._fetch_max_wait_ms == 500
    assert set(await thread._fetch_records(consumer, consumer.tps)) == {TP("now", 0), TP("later", 0)}
    assert consumer.paused == {TP("later", 0), TP("later", 1)}
    assert consumer._fetch_max_wait_ms == 30, "else the fetch of the others holds up those that rest"
    await thread._fetch_records(consumer, consumer.tps)  # what had been fetched before is handed out, the rest goes on
    assert consumer._fetch_max_wait_ms == 30
    await until(lambda: not consumer.paused)
    assert consumer._fetch_max_wait_ms == 500
    await thread._fetch_records(consumer, consumer.tps)
    assert not consumer.paused


async def test_a_partition_that_was_taken_away_meanwhile_is_not_resumed() -> None:
    thread, consumer = fetch_thread(later=0.04), Consumer("later")
    await thread._fetch_records(consumer, consumer.tps)
    consumer.tps = {TP("later", 1)}
    await until(lambda: consumer._fetch_max_wait_ms == 500)
    assert consumer.paused == {TP("later", 0)}


async def test_what_brings_much_or_has_more_at_hand_does_not_rest() -> None:
    thread, consumer = fetch_thread(later=0.04), Consumer("later " * 200, "later", "later")
    await thread._fetch_records(consumer, consumer.tps)
    assert not consumer.paused, "a backlog"
    consumer._records = {TP("later", 1): object()}
    await thread._fetch_records(consumer, consumer.tps)
    assert not consumer.paused, "what is at hand would be fetched again"
    consumer._records = {TP("now", 1): object()}
    await thread._fetch_records(consumer, consumer.tps)
    assert consumer.paused
