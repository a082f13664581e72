"""What one batch writes, gathered so that few records leave: one record of events per chunk, slices for the same carrier
together in envelopes.

In: changes of state, slices, money, public events, for topics that the stage's row in `pipeline.py` names; another topic is
our own fault, KeyError. Out: the outputs in a fixed order, the same for the same batch: dispatch first (it is what people
wait for), then the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from infra.kafka.records import ProducerRecord
from schemas.records.codec import encode
from schemas.records.slice import Slice
from schemas.records.topics import DELIVERY_RECEIPTS, HELD, USAGE, dispatch_of, events, ingest, retry
from schemas.records.wire import Change, Envelope, Record, Retry, Usage
from schemas.rules.envelopes import group_slices
from schemas.rules.message_end import ChunkHead, PublicEvents, SliceEnd, message_events
from schemas.rules.retry import NextTry
from schemas.rules.waiting_room import held_row
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason
from schemas.values.status import Status
from streams.handler import PublicBlock, Written

FROM_US = [("x-from", b"streams")]
PER_ENVELOPE = 64


class OutputBatch:
    """The outputs of one batch at `now` (milliseconds), on these topics."""

    def __init__(self, now: int, topics: Collection[str]) -> None:
        self.now = now
        self._topics = topics
        self._changes: dict[tuple[str, str], tuple[ChunkHead, list[Change]]] = {}
        self._slices: dict[tuple[str, int], list[Slice]] = {}
        self._others: list[ProducerRecord] = []
        self._public: list[PublicBlock] = []

    def change(
        self,
        head: ChunkHead,
        status: Status,
        send: int,
        positions: int,
        reason: Reason,
        *,
        carrier: str | None = None,
        price: int = 0,
        segments: bytes = b"",
    ) -> None:
        """A new status for some positions of a chunk."""
        self.record_change(
            head,
            Change(
                status=status, send=send, positions=positions, reason=reason, carrier=carrier, price=price, segments=segments
            ),
        )

    def record_change(self, head: ChunkHead, change: Change) -> None:
        """This change of a chunk."""
        self._changes.setdefault((head.tenant, head.chunk), (head, []))[1].append(change)

    def dispatch(self, slice_: Slice, partition: int, *, one_process: bool = False) -> None:
        """A slice for a carrier, whose partition this is. `one_process`: of the pool otp carries all its lanes."""
        topic = dispatch_of(Lane(slice_.lane), one_process=one_process)
        self._slices.setdefault((topic, partition), []).append(slice_)

    def hold(self, slice_: Slice, reason: Reason, until: int) -> None:
        """A slice into the waiting room."""
        self._write(HELD, slice_.chunk, held_row(slice_, reason, until, self.now))

    def route_again(self, slice_: Slice) -> None:
        """A slice that goes back to intake now."""
        topic = self._own(ingest(Lane(slice_.lane)))
        key = (slice_.campaign or slice_.chunk).encode()
        self._others.append(ProducerRecord(topic, key, encode(Envelope(slices=[slice_])), FROM_US))

    def retry(self, slice_: Slice, reason: Reason, next_try: NextTry) -> None:
        """A slice that goes back to intake later, by a rung of the ladder or by the waiting room."""
        if next_try.rung is None:
            self.hold(slice_, reason, next_try.not_before)
        else:
            topic = retry(Lane(slice_.lane), next_try.rung)
            self._write(topic, slice_.chunk, Retry(not_before=next_try.not_before, reason=reason, slice=slice_))

    def move_money(self, usage: Usage | None) -> None:
        """What some positions cost, or give back; None: nothing."""
        if usage is not None:
            self._write(USAGE, usage.chunk, usage)

    def publish(self, events: PublicEvents) -> None:
        """The public events of some messages. Raises ValueError or IndexError for columns that do not agree."""
        self._own(DELIVERY_RECEIPTS)
        self._public.append(PublicBlock(events, events.bodies()))

    def end(self, slice_: Slice, end: SliceEnd) -> None:
        """A slice whose messages are over."""
        self.record_change(slice_, end.change)
        self.move_money(end.refund)
        self.publish(end.public)

    def written(self, dead_letters: Sequence[ProducerRecord] = ()) -> Written:
        """Everything gathered, and these besides."""
        return Written(outputs=[*self._outputs(), *dead_letters], public=self._public)

    def _outputs(self) -> list[ProducerRecord]:
        """All but the public events."""
        out: list[ProducerRecord] = []
        for (topic, partition), slices in self._slices.items():
            key = str(partition).encode()
            out += [
                ProducerRecord(self._own(topic), key, encode(Envelope(slices=group)), FROM_US, partition)
                for group in group_slices(slices, most=PER_ENVELOPE)
            ]
        for head, changes in self._changes.values():
            out.append(
                ProducerRecord(
                    self._own(events(Lane(head.lane))),
                    head.chunk.encode(),
                    encode(message_events(head, changes, self.now)),
                    FROM_US,
                )
            )
        return out + self._others

    def _write(self, topic: str, chunk: str, record: Record) -> None:
        self._others.append(ProducerRecord(self._own(topic), chunk.encode(), encode(record), FROM_US))

    def _own(self, topic: str) -> str:
        if topic not in self._topics:
            raise KeyError(f"{topic} is not among what this stage writes: {', '.join(self._topics)}")
        return topic
