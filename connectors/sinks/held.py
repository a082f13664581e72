"""The waiting room's topic → `held`.

In: `Held` (a row begins to wait) and `Released` (positions that the releaser has taken out and produced). Out: one row for
each (chunk, send, hold, portion). The first `Held` of a key stays, and a row whose last position left stays as a mark, so
that a repeat cannot bring it back. Goes wrong: RecordError.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connectors.sinks.contract import DecodedRecord, RecordError, Sink, Writer, bitmap
from infra.postgres.sql import load_sql
from schemas.records import topics
from schemas.records.codec import decode_as, encode
from schemas.records.slice import ResumeAt, Slice, check_names, check_positions, check_profile
from schemas.records.wire import Envelope, Held, Released
from schemas.values.positions import ranks_within
from schemas.values.reasons import Reason

NEVER = 2**62
NOT_DUE = frozenset({Reason.DRAFT, Reason.SCHEDULED, Reason.CLOSED_HOURS})
"""While a chunk as it came in waits for one of these, its validity does not run."""
Key = tuple[str, str, int, int, int]


class HeldSink(Sink):
    """Writes `held` beside the releaser, which marks the rows it claims."""

    name = "held"
    reads = (topics.HELD,)
    tables = ("held",)
    staging = ()
    linger_seconds = 0.5
    batch_records = 500

    def apply(self, batch: Sequence[DecodedRecord], transaction: Writer) -> None:
        """New rows first; then what has left, which can only speak of rows that are there."""
        rows: dict[Key, Held] = {}
        gone: dict[Key, int] = {}
        for each in batch:
            match each.content:
                case Held() as held:
                    check_waiting(held)
                    rows.setdefault((held.slice.tenant, held.slice.chunk, held.slice.send, held.hold, held.portion), held)
                case Released() as r:
                    check_names(r.tenant, None, r.chunk)
                    key = (r.tenant, r.chunk, r.send, r.hold, r.portion)
                    gone[key] = gone.get(key, 0) | r.positions
                case other:
                    raise RecordError(f"a {type(other).__name__} where Held or Released belong")
        if rows:
            transaction.execute(load_sql(__package__, "insert_held"), _columns(_row(rows[key]) for key in sorted(rows)))
        if gone:
            _release(gone, transaction)

    def forget(self) -> None:
        """Nothing is kept."""


def check_waiting(held: Held) -> None:
    """Raise RecordError for a row that contradicts itself; personal columns may be left out, the payload has them."""
    s = held.slice
    check_names(s.tenant, s.campaign, s.chunk)
    check_profile(s.profile)
    check_positions(s.size, s.positions)
    if s.send < 1 or held.hold < 0 or held.portion < 0:
        raise RecordError("send, hold, portion: below the first")
    if s.segments and len(s.segments) != s.count:
        raise RecordError("segments: length differs from the number of positions")


def _row(held: Held) -> tuple[object, ...]:
    s = held.slice
    return (
        s.tenant,
        s.chunk,
        s.send,
        held.hold,
        held.portion,
        s.campaign,
        s.part,
        s.lane,
        s.carrier,
        held.reason,
        held.not_before,
        NEVER if held.reason in NOT_DUE and s.resume_at == ResumeAt.PARTITION else s.expires_at,
        bitmap(s.positions),
        s.count,
        held.cost,
        held.cheapest,
        _room(s, s.positions),
        encode(Envelope(slices=[s])),
        held.at,
        (s.profile or "") if held.reason == Reason.SHARE else "",
    )


def _room(s: Slice, positions: int) -> int:
    """Segments of these positions; one each while nobody has counted them."""
    return sum(_segments(s, positions)) if s.segments else positions.bit_count()


def _segments(s: Slice, positions: int) -> list[int]:
    return [s.segments[i] for i in ranks_within(s.positions, positions)]


def _release(gone: dict[Key, int], transaction: Writer) -> None:
    keys = sorted(gone)
    wanted = _columns(keys)
    left: list[tuple[object, ...]] = []
    for tenant, chunk, send, hold, portion, stored, cost, cheapest, room, slice_ in transaction.rows(
        load_sql(__package__, "lock_held"), wanted
    ):
        before = int.from_bytes(stored, "little")
        after = before & ~gone[(tenant, chunk, send, hold, portion)]
        if after != before:
            s = decode_as(slice_, Envelope).slices[0]
            if s.segments and after:
                segments = _segments(s, after)
                room, cost, cheapest = sum(segments), s.price * sum(segments), s.price * min(segments)
            elif after:
                room = after.bit_count()
            else:
                room = cost = cheapest = 0
            left.append((tenant, chunk, send, hold, portion, bitmap(after), after.bit_count(), cost, cheapest, room))
    if left:
        transaction.execute(load_sql(__package__, "update_held"), _columns(left))


def _columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
