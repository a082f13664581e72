"""The engine of a stage, whatever brings the records: batch in, decisions, outputs acknowledged, then the offsets move.

In: batches of records of one topic. Out: through the `Outlet`, everything the stage writes and the dead letters; `run`
returns when all that somebody waits for is acknowledged, with what is still under way; only behind that may the caller
acknowledge the inputs. Guarantee: no record is lost.
- Bytes that are no record of this topic become dead letters whole, byte for byte.
- A batch that raised is handled again, item by item; an item that fails is cut in halves, again and again; what fails alone
  becomes a dead letter, wrapped alone; the rest goes on. An item of which nothing can be handled becomes a dead letter as
  it came.
- When something the stage asks is away (`PortDown`) the batch waits here and is handled again, however long it takes.
- `Undelivered` and `BrakeOn` leave `run`: the caller ends the process without acknowledging anything. The brake is pulled
  when more than `brake` different items in a row were about to become a dead letter for a failed step: then it is we who
  are broken. A fault of the value itself (see `infra/postgres/faults.py`) does not count: there may be any number of these.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from infra.kafka.dead_letter import dead_letter
from infra.kafka.records import ConsumerRecord, ProducerRecord
from infra.postgres.faults import is_data_fault
from schemas.records.codec import DecodeError
from schemas.records.slice import RecordError
from schemas.values.reasons import Reason
from streams.handler import Handler, Item, Outlet, Undelivered, Unusable, Written
from streams.ports import PortDown

__all__ = ["BrakeOn", "Runner", "Undelivered"]

log = structlog.get_logger()

BRAKE = 20
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0


class BrakeOn(RuntimeError):
    """Too much in a row fails: end instead of writing a whole topic to the dead letters."""


class Runner:
    """One stage on one topic. `service` names it in dead letters; `clock` in milliseconds."""

    def __init__(
        self, handler: Handler, outlet: Outlet, *, service: str, clock: Callable[[], int], brake: int = BRAKE
    ) -> None:
        self._handler = handler
        self._outlet = outlet
        self._service = service
        self._clock = clock
        self._brake = brake
        self._failed_in_a_row: set[tuple[str, int, int, int]] = set()

    async def run(self, batch: Sequence[ConsumerRecord]) -> Awaitable[None] | None:
        """Handle these records; what is left to wait for. Raises Undelivered or BrakeOn, and so does that."""
        items, contradictory, dead_letters = self._open(batch)
        written: list[Written] = []
        try:
            written += [await self._patiently(items)] if items else []
            if items:
                self._failed_in_a_row.clear()
        except Exception as fault:  # noqa: BLE001  why: whatever a step raises, the others of its batch must go on
            log.warning(
                "a batch failed and is handled again one by one",
                action="burst_failed",
                topic=batch[0].topic,
                fault=f"{type(fault).__name__}: {fault}"[:300],
            )
            contradictory += items
        more, failures = await self._one_by_one(contradictory)
        written += more
        dead_letters += failures
        for part in written:
            dead_letters += [self._unusable(unusable) for unusable in part.unusable]
        rest = await self._outlet.deliver(
            [*(output for part in written for output in part.outputs), *dead_letters],
            [block for part in written for block in part.public],
        )
        remember = [part.remember for part in written if part.remember is not None]
        if rest is not None and remember:
            # The next batch is to know of this one.
            await rest
            rest = None
        for call in remember:
            call()
        return rest

    def _open(self, batch: Sequence[ConsumerRecord]) -> tuple[list[Item], list[Item], list[ProducerRecord]]:
        """Items, those that contradict themselves, and dead letters for what is no record."""
        items: list[Item] = []
        contradictory: list[Item] = []
        dead_letters: list[ProducerRecord] = []
        for record in batch:
            try:
                opened = self._handler.open(record)
            except DecodeError as fault:
                dead_letters.append(self._dead_letter(record, record.value, fault, Reason.UNDECODABLE))
                continue
            for item in opened:
                (items if self._fault(item) is None else contradictory).append(item)
        return items, contradictory, dead_letters

    def _fault(self, item: Item) -> RecordError | None:
        try:
            self._handler.check(item)
        except RecordError as fault:
            return fault
        return None

    async def _patiently(self, items: Sequence[Item]) -> Written:
        """The handler's answer, however long what it asks is away."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._handler.handle(items)
            except PortDown as fault:
                log.warning(
                    "a batch waits for what it asks", action="port_down", topic=items[0].source.topic, fault=str(fault)
                )
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _one_by_one(self, items: Sequence[Item]) -> tuple[list[Written], list[ProducerRecord]]:
        written: list[Written] = []
        dead_letters: list[ProducerRecord] = []
        for item in items:
            done, failed = await self._take_apart(item)
            if done:
                self._failed_in_a_row.clear()
            for piece, fault in failed:
                self._count_failure(piece, fault)
                reason = Reason.UNDECODABLE if isinstance(fault, RecordError) else Reason.STEP_FAILED
                dead_letters.append(self._dead_letter(item.source, self._handler.wrap(piece), fault, reason))
            written += done
        return written, dead_letters

    async def _take_apart(self, item: Item) -> tuple[list[Written], list[tuple[Item, Exception]]]:
        """What can be handled of an item, and what fails alone: pieces, or the item when nothing of it can be handled."""
        written: list[Written] = []
        fault = await self._attempt(item, written)
        if fault is None:
            return written, []
        failed: list[tuple[Item, Exception]] = []
        todo = self._pieces(item)
        while todo:
            piece = todo.pop(0)
            own = await self._attempt(piece, written)
            if own is not None:
                smaller = self._pieces(piece)
                todo[:0] = smaller
                failed += [] if smaller else [(piece, own)]
        return written, failed if written else [(item, fault)]

    async def _attempt(self, item: Item, written: list[Written]) -> Exception | None:
        """Handle this item alone and add to `written`; else its fault."""
        try:
            self._handler.check(item)
            written.append(await self._patiently([item]))
        except Exception as fault:  # noqa: BLE001  why: whatever it raises, the item is kept for a person
            return fault
        return None

    def _pieces(self, item: Item) -> list[Item]:
        try:
            return [Item(item.source, item.place, piece, cut=True) for piece in self._handler.split(item)]
        except Exception as fault:  # noqa: BLE001  why: what cannot be cut stands alone, and becomes a dead letter for what it failed of
            log.info("an item cannot be cut", action="not_cut", fault=f"{type(fault).__name__}: {fault}"[:300])
            return []

    def _count_failure(self, item: Item, fault: Exception) -> None:
        record = item.source
        where = {"topic": record.topic, "partition": record.partition, "offset": record.offset, "place": item.place}
        if is_data_fault(fault):
            log.warning("an item cannot be handled for what it says", action="item_refused", fault=str(fault)[:300], **where)
            return
        log.error("an item cannot be handled", action="step_failed", exc_info=fault, **where)
        self._failed_in_a_row.add((record.topic, record.partition, record.offset, item.place))
        if len(self._failed_in_a_row) > self._brake:
            raise BrakeOn(
                f"{len(self._failed_in_a_row)} items of {record.topic} in a row failed; the last: "
                f"{type(fault).__name__}: {fault}"
            )

    def _unusable(self, found: Unusable) -> ProducerRecord:
        return self._dead_letter(found.item.source, found.value, RecordError(found.detail), found.reason)

    def _dead_letter(self, record: ConsumerRecord, value: bytes | None, fault: Exception, reason: Reason) -> ProducerRecord:
        log.error(
            "wrote a dead letter",
            action="dead_letter",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=str(reason),
        )
        return dead_letter(record._replace(value=value), fault, code=reason, service=self._service, now=self._clock())
