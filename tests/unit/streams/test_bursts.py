"""Between Faust's stream and a runner: a burst that does not come to its end must end the process, however it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from streams import faust_runner
from streams.faust_runner import Bursts, Source
from streams.stage import Inbound


class Stream:
    """Gives so many events, then waits."""

    enable_acks = True

    def __init__(self, count: int) -> None:
        self._count = count
        self.acked: list[int] = []

    async def events(self) -> AsyncIterator[Any]:
        for offset in range(self._count):
            yield SimpleNamespace(message=SimpleNamespace(topic="t", partition=0, offset=offset, timestamp=1.0, key=None,
                                                          value=b"v", headers=None))
        await asyncio.Event().wait()

    async def ack(self, event: Any) -> None:
        self.acked.append(event.message.offset)


@pytest.mark.parametrize("fault", [asyncio.CancelledError(), ValueError("no")])
async def test_a_burst_that_fails_ends_the_process(fault: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(faust_runner, "end_process", lambda sentence, _action: ended.set_result(sentence))

    async def fail(_burst: Sequence[Inbound]) -> None:
        raise fault

    stream = Stream(3)
    reading = asyncio.create_task(Bursts(Source("t", fail, 2)).read(stream))
    sentence = await asyncio.wait_for(ended, 5)
    assert type(fault).__name__ in sentence
    assert stream.acked == []
    reading.cancel()


async def test_a_stream_that_ends_ends_its_bursts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[str] = []
    monkeypatch.setattr(faust_runner, "end_process", lambda sentence, _action: ends.append(sentence))
    begun = asyncio.Event()

    async def never(_burst: Sequence[Inbound]) -> None:
        begun.set()
        await asyncio.Event().wait()

    reading = asyncio.create_task(Bursts(Source("t", never, 2)).read(Stream(3)))
    await asyncio.wait_for(begun.wait(), 5)
    work = [task for task in asyncio.all_tasks() if task.get_name() == "bursts of t"]
    reading.cancel()
    await asyncio.wait([reading, *work])
    assert ends == []
