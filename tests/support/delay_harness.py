"""What `connectors/delay.py` meets in its unit tests: a consumer, an outbox and a clock that the test holds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from connectors.delay import Delay
from connectors.look_ahead import DelayedSlice
from infra.kafka.client import KafkaException, TopicPartition
from infra.kafka.outbox import Outbox
from schemas.records.codec import encode
from schemas.records.examples import CHUNK, NOON, slice_of
from schemas.records.wire import Retry

PLACE = ("retry-10s-marketing", 2)


def parcel(offset: int, due: float = 0.0, size: int = 1) -> DelayedSlice:
    return DelayedSlice(due=due, offset=offset, topic="ingest-marketing", key=b"k", value=bytes(size), headers=[])


class Message:
    """A record as the consumer gives it."""

    def __init__(
        self,
        offset: int,
        value: bytes | None,
        headers: list[tuple[str, bytes]] | None = None,
        error: str | None = None,
        place: tuple[str, int] = PLACE,
    ) -> None:
        self._place = place
        self._offset, self._value, self._headers, self._error = offset, value, headers, error

    def topic(self) -> str:
        return self._place[0]

    def partition(self) -> int:
        return self._place[1]

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return CHUNK.encode()

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> list[tuple[str, bytes]] | None:
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        return 1, NOON

    def error(self) -> Any:
        return None if self._error is None else Fault(self._error)


class Fault(str):
    """An error of the client, by its name."""

    def name(self) -> str:
        return self

    def fatal(self) -> bool:
        return False

    def retriable(self) -> bool:
        return False


class FakeConsumer:
    """Gives what was laid into `batch`; remembers commits and pauses."""

    def __init__(self) -> None:
        self.batch: list[Message] = []
        self.committed: list[int] = []
        self.paused = False
        self.refusal: KafkaException | None = None

    def subscribe(self, _topics: list[str], *, on_assign: Any, on_revoke: Any, on_lost: Any) -> None:
        self.on_assign, self.on_revoke = on_assign, on_revoke

    def assign(self, _places: list[Any]) -> None:
        """Reads there."""

    def consume(self, _count: int, _seconds: float) -> list[Message]:
        batch, self.batch = self.batch, []
        return batch

    def commit(self, *, offsets: list[Any], asynchronous: bool) -> list[Any]:
        assert not asynchronous
        if self.refusal is not None:
            raise self.refusal
        self.committed += [place.offset for place in offsets]
        return offsets

    def pause(self, _places: list[Any]) -> None:
        self.paused = True

    def resume(self, _places: list[Any]) -> None:
        self.paused = False


class FakeOutbox:
    """Takes everything unless `refusal` is set."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]] = []
        self.refusal: Exception | None = None

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int = -1,
    ) -> asyncio.Future[int]:
        assert partition == -1
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self.refusal is None:
            self.sent.append((topic, key, value, list(headers)))
            future.set_result(len(self.sent))
        else:
            future.set_exception(self.refusal)
        return future


class DelayHarness:
    """A delay with hands on its clock, consumer and outbox."""

    def __init__(self, place: tuple[str, int] = PLACE) -> None:
        self._place = place
        self.consumer, self.outbox, self.now = FakeConsumer(), FakeOutbox(), 1000.0
        self.delay = Delay(
            self.consumer, cast(Outbox, self.outbox), wall=lambda: NOON / 1000 + self.now - 1000.0, steady=lambda: self.now
        )
        self.delay.join()
        self.give()

    def give(self) -> None:
        """The group gives the partition to this process."""
        self.consumer.on_assign(self.consumer, [TopicPartition(*self._place)])

    def revoke(self) -> None:
        """The group takes it away."""
        self.consumer.on_revoke(self.consumer, [TopicPartition(*self._place)])

    async def read(self, *messages: Message) -> None:
        self.consumer.batch = list(messages)
        await self.delay.turn()

    async def after(self, seconds: float) -> None:
        self.now += seconds
        await self.delay.turn()


def record(offset: int, wait_ms: int = 10_000, place: tuple[str, int] = PLACE, **change: Any) -> Message:
    slice_ = msgspec.structs.replace(slice_of(0b010, send=2, attempts=1), **change)
    return Message(
        offset,
        encode(Retry(not_before=NOON + wait_ms, reason="carrier_transient", slice=slice_)),
        [("traceparent", b"00-trace"), ("x-from", b"streams")],
        place=place,
    )
