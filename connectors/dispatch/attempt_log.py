"""The log of calls of one partition, as its one owner writes it: nobody else's records come in between unnoticed.

In: records for one partition of `attempts-<lane>`. Out: a call back with each record's offset, once Kafka has acknowledged
it and no newer owner stands before it. The offset of every acknowledgement is compared with the expected one. Where
something lies in between, that is read first, and later acknowledgements wait: a newer owner means `Fenced`, and no call
back ever again; records of older owners are passed over. A record that Kafka did not take is produced again until it is
taken: that it may then be in the log twice does no harm, for it says the same.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from infra.kafka.outbox import Headers
from schemas.records.codec import encode
from schemas.records.wire import Owner, Record

AGAIN_SECONDS = 0.5
HEADERS: Headers = (("x-from", b"dispatch"),)
log = structlog.get_logger()

OnWritten = Callable[[int], None]
ReadBetween = Callable[[int, int], Awaitable[list[tuple[int, Record]]]]
"""The records from one offset up to another, which is left out (-1: to the end)."""


class Fenced(RuntimeError):
    """Another process owns this partition now; whoever holds this log must stop before the next byte."""


class Post(Protocol):
    """`Outbox.post`."""

    def __call__(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        partition: int,
        report: Callable[[str | None, int, int], None],
    ) -> None: ...


class AttemptLog:
    """`on_fenced` is called once; afterwards nothing is written and nobody called back any more. `epoch`: the offset of our
    own `Owner`; `next_offset`: where our next record is expected; `unconfirmed`: records without their call back."""

    def __init__(
        self, topic: str, partition: int, post: Post, read_between: ReadBetween, on_fenced: Callable[[Fenced], None]
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.epoch = -1
        self.next_offset = -1
        self.fenced = False
        self._post = post
        self._read_between = read_between
        self._on_fenced = on_fenced
        self._reports: deque[tuple[int, OnWritten]] = deque()
        self._gap_check: asyncio.Task[None] | None = None
        self.unconfirmed = 0

    async def take_over(self, owner: Owner) -> int:
        """Write that this process owns the partition. Gives the epoch, which is the offset of that record."""
        claimed: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def report(error: str | None, _partition: int, offset: int) -> None:
            if error is None and offset >= 0:
                if not claimed.done():
                    claimed.set_result(offset)
            else:
                log.warning("the owner's record was not taken, once more", action="owner_again", error=error)
                asyncio.get_running_loop().call_later(AGAIN_SECONDS, send)

        value = encode(owner)

        def send() -> None:
            self._post(self.topic, b"owner", value, HEADERS, self.partition, report)

        send()
        self.epoch = await claimed
        self.next_offset = self.epoch + 1
        return self.epoch

    def write(self, key: str, record: Record, on_written: OnWritten) -> None:
        """Produce a record; `on_written(offset)` when it is acknowledged and this process still owns the partition."""
        self.unconfirmed += 1
        self._hand_over(key.encode(), encode(record), on_written)

    def close(self) -> None:
        """Write nothing and call nobody back from now on."""
        self.fenced = True
        if self._gap_check is not None:
            self._gap_check.cancel()

    def _hand_over(self, key: bytes, value: bytes, on_written: OnWritten) -> None:
        if self.fenced:
            return

        def report(error: str | None, _partition: int, offset: int) -> None:
            if error is None:
                self._reported(offset, on_written)
            else:
                log.warning(
                    "a record of the log was not taken, once more",
                    action="log_again",
                    error=error,
                    topic=self.topic,
                    partition=self.partition,
                )
                asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._hand_over, key, value, on_written)

        self._post(self.topic, key, value, HEADERS, self.partition, report)

    def _reported(self, offset: int, on_written: OnWritten) -> None:
        if self.fenced:
            return
        if self._gap_check is None and 0 <= offset <= self.next_offset:
            self._confirm(offset, on_written)
        else:
            self._reports.append((offset, on_written))
            if self._gap_check is None:
                self._gap_check = asyncio.get_running_loop().create_task(self._read_gap(), name="log-check")

    def _confirm(self, offset: int, on_written: OnWritten) -> None:
        self.next_offset = max(self.next_offset, offset + 1)
        self.unconfirmed -= 1
        on_written(offset)

    async def _read_gap(self) -> None:
        """Read what lies between, then confirm the waiting records as far as they follow."""
        while self._reports:
            offset, on_written = self._reports[0]
            if not 0 <= offset <= self.next_offset:
                between = await self._read_between(self.next_offset, offset)
                newer = [at for at, record in between if isinstance(record, Owner) and at > self.epoch]
                if newer:
                    self._fence(newer[-1])
                    return
                log.info(
                    "passed over records of older owners",
                    action="log_passed_over",
                    topic=self.topic,
                    partition=self.partition,
                    count=len(between),
                )
                self.next_offset = max([self.next_offset, offset, *(at + 1 for at, _ in between)])
            self._reports.popleft()
            self._confirm(max(offset, 0), on_written)
        self._gap_check = None

    def _fence(self, epoch: int) -> None:
        self.fenced = True
        self._reports.clear()
        self._on_fenced(Fenced(f"{self.topic}[{self.partition}] belongs to the owner of epoch {epoch}, not {self.epoch}"))
