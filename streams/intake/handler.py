"""The stage intake: chunks and slices that come in, on their way to a carrier.

In: `ingest-<lane>`. Out: `dispatch-<lane>`, `held`, `message-events-<lane>`, `delivery-receipts` and `usage` for what ends
here. Steps: those of the pipeline's row, in its order; each decides over what the one before let go on.
Guarantee: every position of every slice gets exactly one outcome, all outputs of a batch are acknowledged before its
offsets move, and a repeat names the same chunk, send number and carrier, so that whoever comes later recognises it. What a
first run gave to a carrier is not ended by a repeat, though its campaign was canceled, its validity ended or its route went
away meanwhile: it goes to the same carrier, where dispatch strikes what it has and gives the rest back as over.
With the accounts away the batch waits (`PortDown`). Without Redis carriers get less room, and nobody knows what a first run
gave away: a batch repeated just then may end messages that are sent all the same, with a public event and a refund that
the carrier's answer corrects later. A version of a campaign that has not been read within a quarter of a second is held as
a draft.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from infra.kafka.records import ConsumerRecord
from schemas.records.codec import decode_as, encode
from schemas.records.slice import Columns, RecordError, Slice, check_slice
from schemas.records.splits import split_slice
from schemas.records.wire import Envelope
from schemas.rules.routes import RouteTable
from streams.handler import Item, Written
from streams.intake.ended import keep_or_end, making_steps
from streams.intake.writing import IntakeWriter
from streams.ports import Campaigns, Capacity, Config, Credit, IntakeBatch, Sealing
from streams.selection import whole
from streams.step import Step, run_step


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakePorts:
    """Everything that intake asks."""

    campaigns: Campaigns
    config: Config
    sealing: Sealing
    credit: Credit
    capacity: Capacity
    invalid: Callable[[Sequence[int]], Collection[int]]
    clock: Callable[[], int]


class IntakeHandler:
    """The stage at work: its steps, and the topics that it may write."""

    def __init__(self, ports: IntakePorts, steps: Sequence[Step], topics: Collection[str]) -> None:
        self._ports = ports
        self._steps = steps
        self._making = making_steps(steps)
        self._topics = topics
        self._routes = RouteTable((), ())
        self._routes_version = -1

    def open(self, record: ConsumerRecord) -> list[Item]:
        """A slice each."""
        return [Item(record, place, slice_) for place, slice_ in enumerate(decode_as(record.value, Envelope).slices)]

    def check(self, item: Item) -> None:
        """A slice that agrees with itself and with its topic."""
        check_slice(item.content)
        if not item.source.topic.endswith(f"-{item.content.lane}"):
            raise RecordError(f"lane: a slice of {item.content.lane} on {item.source.topic}")

    def split(self, item: Item) -> list[Slice]:
        """Its lower and its upper positions."""
        return split_slice(item.content, self._ports.sealing)

    def wrap(self, item: Item) -> bytes:
        """The slice in an envelope of its own."""
        return encode(Envelope(slices=[item.content]))

    async def handle(self, items: Sequence[Item]) -> Written:
        """One batch."""
        batch = self._batch()
        writer = IntakeWriter(self._ports.sealing, batch, self._topics)
        parts = [whole(item.content) for item in items]
        for step in self._steps:
            parts, stopped = await run_step(step, parts, batch)
            parts += await keep_or_end(writer.write(stopped), batch, writer, self._making)
        for part in parts:
            writer.dispatch(part)
        return writer.written()

    def _batch(self) -> IntakeBatch:
        ports = self._ports
        return IntakeBatch(
            campaigns=ports.campaigns,
            config=ports.config,
            credit=ports.credit,
            capacity=ports.capacity,
            routes=self._newest_routes(),
            open=_open_once(ports.sealing),
            invalid=ports.invalid,
            now=ports.clock(),
        )

    def _newest_routes(self) -> RouteTable:
        config = self._ports.config
        if config.version != self._routes_version:
            self._routes = RouteTable(config.routes, config.carriers.keys())
            self._routes_version = config.version
        return self._routes


def _open_once(sealing: Sealing) -> Callable[[Slice], Columns]:
    """Opens each slice of a batch once."""
    opened: dict[int, Columns] = {}

    def open_slice(slice_: Slice) -> Columns:
        columns = opened.get(id(slice_))
        if columns is None:
            columns = opened[id(slice_)] = sealing.open(slice_)
        return columns

    return open_slice
