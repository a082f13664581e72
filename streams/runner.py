"""The engine of a stage, whatever brings the records: burst in, decisions, outputs acknowledged, then the offsets move.

In: bursts of records of one topic. Out: through the `Outlet`, everything the stage writes and the dead letters; `run`
returns when all is acknowledged, and only then may the caller acknowledge the inputs. Guarantee: no record is lost.
- Bytes that are no record of this topic are buried whole, byte for byte.
- A burst that raised is handled again, item by item; an item that fails alone is buried, wrapped alone; the rest goes on.
- When something the stage asks is away (`PortDown`) the burst waits here and is handled again, however long it takes.
- `Undelivered` and `BrakeOn` leave `run`: the caller ends the process without acknowledging anything. The brake is pulled
  when more than `brake` different items in a row were about to be buried for a failed step: then it is we who are broken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from infra.kafka.dead_letter import dead_letter
from schemas.codec import DecodeError
from schemas.reasons import Reason
from schemas.slices import RecordError
from schemas.topics import DEAD_LETTER
from streams.ports import PortDown
from streams.stage import Burial, Handler, Inbound, Item, Outlet, Output, Undelivered, Written

__all__ = ["BrakeOn", "Runner", "Undelivered"]

log = structlog.get_logger()

BRAKE = 20
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0


class BrakeOn(RuntimeError):
    """Too much in a row fails: end instead of burying a whole topic."""


class Runner:
    """One stage on one topic. `service` names it in dead letters; `clock` in milliseconds."""

    def __init__(self, handler: Handler, outlet: Outlet, *, service: str, clock: Callable[[], int],
                 brake: int = BRAKE) -> None:
        self._handler = handler
        self._outlet = outlet
        self._service = service
        self._clock = clock
        self._brake = brake
        self._failed_in_a_row: set[tuple[str, int, int, int]] = set()

    async def run(self, burst: Sequence[Inbound]) -> None:
        """Handle these records. Raises Undelivered or BrakeOn."""
        items, letters = self._open(burst)
        failures: list[Output] = []
        try:
            written = [await self._patiently(items)] if items else []
            if items:
                self._failed_in_a_row.clear()
        except Exception as fault:  # noqa: BLE001  why: whatever a step raises, the others of its burst must go on
            log.warning("a burst failed and is handled again one by one", action="burst_failed", topic=burst[0].topic,
                        fault=f"{type(fault).__name__}: {fault}"[:300])
            written, failures = await self._one_by_one(items)
        letters += failures
        for part in written:
            letters += [self._bury_part(burial) for burial in part.burials]
        await self._outlet.deliver([*(output for part in written for output in part.outputs), *letters])
        for part in written:
            if part.remember is not None:
                part.remember()

    def _open(self, burst: Sequence[Inbound]) -> tuple[list[Item], list[Output]]:
        items: list[Item] = []
        letters: list[Output] = []
        for record in burst:
            try:
                items += self._handler.open(record)
            except (DecodeError, RecordError) as fault:
                letters.append(self._letter(record, record.value, fault, Reason.UNDECODABLE))
        return items, letters

    async def _patiently(self, items: Sequence[Item]) -> Written:
        """The handler's answer, however long what it asks is away."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._handler.handle(items)
            except PortDown as fault:
                log.warning("a burst waits for what it asks", action="port_down", topic=items[0].source.topic,
                            fault=str(fault))
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _one_by_one(self, items: Sequence[Item]) -> tuple[list[Written], list[Output]]:
        written: list[Written] = []
        letters: list[Output] = []
        for item in items:
            try:
                answer = await self._patiently([item])
            except Exception as fault:  # noqa: BLE001  why: whatever it raises, the item is kept for a person
                self._count_failure(item, fault)
                letters.append(self._letter(item.source, self._handler.wrap(item), fault, Reason.STEP_FAILED))
                continue
            self._failed_in_a_row.clear()
            written.append(answer)
        return written, letters

    def _count_failure(self, item: Item, fault: Exception) -> None:
        record = item.source
        self._failed_in_a_row.add((record.topic, record.partition, record.offset, item.place))
        log.error("an item cannot be handled", action="step_failed", topic=record.topic, partition=record.partition,
                  offset=record.offset, place=item.place, exc_info=fault)
        if len(self._failed_in_a_row) > self._brake:
            raise BrakeOn(f"{len(self._failed_in_a_row)} items of {record.topic} in a row failed; the last: "
                          f"{type(fault).__name__}: {fault}")

    def _bury_part(self, burial: Burial) -> Output:
        return self._letter(burial.item.source, burial.value, RecordError(burial.detail), burial.reason)

    def _letter(self, record: Inbound, value: bytes | None, fault: Exception, reason: Reason) -> Output:
        log.error("buried", action="buried", topic=record.topic, partition=record.partition, offset=record.offset,
                  reason=str(reason))
        key, content, headers = dead_letter(
            record.topic, record.partition, record.offset, record.timestamp, record.key, value, record.headers,
            error_class=type(fault).__name__, code=str(reason), message=str(fault), service=self._service,
            now=self._clock())
        return Output(DEAD_LETTER, key, content, headers)
