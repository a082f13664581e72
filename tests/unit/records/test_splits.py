"""Records cut in two, again and again: every piece is a whole record, and together they say what the one said."""

from __future__ import annotations

from array import array

import msgspec
import pytest

from infra.security.sealing import UnsealError
from schemas.records.codec import decode, encode
from schemas.records.slice import Columns, RecordError, check_slice
from schemas.records.splits import pick_receipts, split, split_slice
from schemas.records.wire import (
    CarrierReceipts,
    Envelope,
    MessageEvents,
    Record,
    Returned,
    Settled,
    Started,
    Usage,
    Verdict,
)
from schemas.values.positions import everyone, places
from tests.support.log_records import (
    CAMPAIGN,
    CHUNK,
    NOW,
    SEALER,
    TENANT,
    a_slice,
    an_envelope,
    change,
    events,
    held,
    released,
    settled,
    started,
    usage,
)


def smallest(record: Record) -> list[Record]:
    """Everything that it can be cut into."""
    pieces = split(record, SEALER)
    return [piece for half in pieces for piece in smallest(half)] if pieces else [record]


def receipts(count: int, refs: list[str | None] | None = None) -> CarrierReceipts:
    key_id, sealed = SEALER.seal(Columns(to=b"", refs=refs), tenant=TENANT, campaign=CAMPAIGN, chunk=CHUNK)
    return CarrierReceipts(
        carrier="acme",
        at=NOW,
        count=count,
        ids="\n".join(f"i{n}" for n in range(count)),
        states="\n".join(f"S{n}" for n in range(count)),
        codes="\n".join(f"{n:03}" for n in range(count)),
        done_at=array("q", range(count)).tobytes(),
        to_hashes=array("q", range(count)).tobytes(),
        tenant=TENANT,
        campaign=CAMPAIGN,
        chunk=CHUNK,
        size=10,
        lane="marketing",
        send=1,
        places=array("H", range(count)).tobytes(),
        indexes=array("I", range(count)).tobytes(),
        segments=bytes(range(1, count + 1)),
        key_id=key_id if refs else "",
        sealed_refs=sealed if refs else None,
    )


@pytest.mark.parametrize(
    ("record", "number"),
    [
        (an_envelope(), 1),
        (Envelope(slices=[a_slice(), a_slice(), a_slice()]), 3),
        (held(), 1),
        (released(0b1011), 3),
        (started(0b101), 2),
        (usage(charged=0b0011, refunded=0b0100), 3),
        (receipts(5, ["a", None, "c", None, "e"]), 5),
        (events(change("sent", 0b11), change("failed", 0b1100)), 4),
        (settled({"sent": 0b0011, "failed": 0b0100, "transient": 0b1000}), 4),
    ],
)
def test_every_piece_can_be_read_and_is_complete(record: Record, number: int) -> None:
    if isinstance(record, Envelope):  # below a chunk only where the columns can be sealed anew, by the stage
        assert len([piece for half in (split(record) or [record]) for piece in (split(half) or [half])]) == number
        return
    pieces = smallest(record)
    assert len(pieces) == number
    assert all(decode(encode(piece)) == piece for piece in pieces)


def test_positions_keep_their_own_columns() -> None:
    record = settled(
        {"sent": 0b100001, "failed": 0b000110},
        indexes=array("I", [5, 6, 7, 8]).tobytes(),
        segments=bytes([1, 2, 3, 4]),
        ids="first\nlast,part",
        rest=a_slice(positions=0b000110, indexes=array("I", [6, 7]).tobytes()),
    )
    key_id, sealed = SEALER.seal(Columns(to=b"", refs=["a", "b", "c", "d"]), tenant=TENANT, campaign=CAMPAIGN, chunk=CHUNK)
    pieces = [
        piece
        for piece in smallest(msgspec.structs.replace(record, key_id=key_id, sealed_refs=sealed))
        if isinstance(piece, Settled)
    ]
    told = {}
    for piece in pieces:
        refs = SEALER.unseal(
            piece.sealed_refs or b"", key_id=piece.key_id, tenant=TENANT, campaign=CAMPAIGN, chunk=CHUNK
        ).refs
        told[piece.positions] = (
            piece.ids,
            piece.segments[0],
            array("I", piece.indexes)[0],
            refs,
            [(v.outcome, v.positions) for v in piece.verdicts],
            piece.rest and piece.rest.positions,
        )
    assert told == {
        0b000001: ("first", 1, 5, ["a"], [("sent", 0b000001)], None),
        0b000010: ("", 2, 6, ["b"], [("failed", 0b000010)], 0b000010),
        0b000100: ("", 3, 7, ["c"], [("failed", 0b000100)], 0b000100),
        0b100000: ("last,part", 4, 8, ["d"], [("sent", 0b100000)], None),
    }


def test_receipts_keep_their_own_columns_and_references() -> None:
    piece = pick_receipts(receipts(4, ["a", "b", "c", "d"]), [2], SEALER)
    assert (piece.count, piece.ids, piece.states, piece.codes, piece.segments) == (1, "i2", "S2", "002", b"\3")
    assert array("H", piece.places).tolist() == array("I", piece.indexes).tolist() == [2]
    assert SEALER.unseal(
        piece.sealed_refs or b"", key_id=piece.key_id, tenant=TENANT, campaign=CAMPAIGN, chunk=CHUNK
    ).refs == ["c"]


def test_events_and_usage_keep_their_segments() -> None:
    told = [
        (c.positions, c.segments)
        for piece in smallest(events(change("sent", 0b1010, segments=b"\3\4")))
        if isinstance(piece, MessageEvents)
        for c in piece.changes
    ]
    assert told == [(0b0010, b"\3"), (0b1000, b"\4")]
    spent = [
        (u.charged, u.refunded, u.segments)
        for u in smallest(usage(charged=0b001, refunded=0b100, segments=b"\5\6"))
        if isinstance(u, Usage)
    ]
    assert spent == [(0b001, 0, b"\5"), (0, 0b100, b"\6")]


def test_a_slice_is_cut_with_its_columns() -> None:
    halves = split_slice(a_slice(), SEALER)
    assert [places(half.positions) for half in halves] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    for half in halves:
        check_slice(half)
        assert len(SEALER.open(half).to) == 40
    returned = Returned(epoch=1, carrier="acme", reason="canceled", at=NOW, rest=a_slice())
    assert [piece.rest.positions for piece in smallest(returned) if isinstance(piece, Returned)] == [
        1 << p for p in range(10)
    ]


def test_what_is_sealed_stays_whole_without_a_key() -> None:
    assert split(receipts(2, ["a", "b"])) == []
    assert split(settled({"failed": 0b11}, rest=a_slice(positions=0b11))) == []
    with pytest.raises(UnsealError):
        split_slice(msgspec.structs.replace(a_slice(), sealed=b"x" * 40), SEALER)


@pytest.mark.parametrize(
    "record",
    [
        settled({"sent": 0b11}, ids="only one"),
        settled({"sent": 0b11}, segments=b"\1"),
        msgspec.structs.replace(receipts(2), codes="one"),
        msgspec.structs.replace(receipts(2), done_at=b"123"),
        usage(charged=0b11, segments=b"\1"),
        events(change("sent", 0b11, segments=b"\1")),
    ],
)
def test_columns_that_do_not_fit_are_not_guessed_at(record: Record) -> None:
    with pytest.raises(RecordError):
        split(record, SEALER)


def test_verdicts_that_overlap_or_leave_positions_out_end_all_the_same() -> None:
    twice = [Verdict(outcome="failed", reason="none", code=None, positions=everyone(4)) for _ in range(3)]
    record = msgspec.structs.replace(settled({"failed": everyone(4)}), verdicts=twice)
    assert [piece.positions for piece in smallest(record) if isinstance(piece, Settled)] == [1, 2, 4, 8]
    assert smallest(Started(**{**msgspec.structs.asdict(started()), "positions": 0})) != []
