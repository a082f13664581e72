"""Records as dispatch and carriers write them: blocks of answers, starts, what came back, receipts."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import msgspec

from schemas.records.slice import Columns, Slice
from schemas.records.wire import CarrierReceipts, Owner, Returned, Settled, Started, Verdict
from schemas.values.positions import everyone
from streams.ports import Found
from tests.support.streams.fakes import CAMPAIGN, CHUNK, NOW, SEALER, TENANT, numbers, slice_of

OWNERS = (Owner(owner="a", lane="marketing", at=NOW), Owner(owner="b", lane="marketing", at=NOW))
OUTCOMES = ["sent", "failed", "transient", "uncertain", "unanswered", "partial"]


def block_of(answers: list[str], attempts: int = 0) -> Settled:
    reasons = {
        "sent": "none",
        "failed": "carrier_permanent",
        "transient": "carrier_transient",
        "uncertain": "answer_timeout",
        "unanswered": "answer_timeout",
        "partial": "partial",
    }
    sets = {a: sum(1 << n for n, x in enumerate(answers) if x == a) for a in dict.fromkeys(answers)}
    rest = None
    if "transient" in sets:
        rest = slice_of(
            numbers(sets["transient"].bit_count()),
            positions=sets["transient"],
            size=len(answers),
            attempts=attempts,
            segments=b"\1" * sets["transient"].bit_count(),
        )
    named = [a for a in answers if a in ("sent", "partial")]
    return Settled(
        epoch=0,
        carrier="acme",
        tenant=TENANT,
        campaign=CAMPAIGN,
        chunk=CHUNK,
        part=0,
        size=len(answers),
        lane="marketing",
        send=1,
        round=attempts,
        price_class=0,
        attempts=attempts,
        positions=everyone(len(answers)),
        price=700,
        lease=None,
        at=NOW,
        verdicts=[Verdict(outcome=a, reason=reasons[a], code=None, positions=p) for a, p in sets.items()],
        indexes=array("I", range(len(answers))).tobytes(),
        segments=b"\2" * len(answers),
        ids="\n".join("i1" if a == "partial" else "i1,i2" for a in named),
        to_hashes=b"".join(b"hash%04d" % n for n in range(len(answers))),
        key_id="k1/2026-01",
        rest=rest,
    )


def started(positions: int, epoch: int = 0, size: int = 3) -> Started:
    return Started(
        epoch=epoch,
        carrier="acme",
        tenant=TENANT,
        campaign=CAMPAIGN,
        chunk=CHUNK,
        part=0,
        size=size,
        lane="marketing",
        send=1,
        round=0,
        price_class=0,
        attempts=0,
        positions=positions,
        dispatch_offset=0,
        at=NOW,
    )


def returned(reason: str, rest: Slice | None = None) -> Returned:
    slice_ = rest or slice_of(numbers(2), carrier="acme", price=700, segments=b"\1\2", refs=["a", "b"])
    return Returned(epoch=0, carrier="acme", reason=reason, at=NOW, rest=slice_)


def receipts(
    states: Sequence[str],
    *,
    places: Sequence[int] | None = None,
    segments: bytes | None = None,
    ids: Sequence[str] | None = None,
    codes: Sequence[str] | None = None,
    refs: list[str | None] | None = None,
) -> CarrierReceipts:
    count = len(states)
    positions = list(places if places is not None else range(count))
    key_id, sealed = SEALER.seal(Columns(to=b"", refs=refs), tenant=TENANT, campaign=CAMPAIGN, chunk=CHUNK)
    return CarrierReceipts(
        carrier="acme",
        at=NOW,
        count=count,
        ids="\n".join(ids or [f"id{n}" for n in range(count)]),
        states="\n".join(states),
        codes="\n".join(codes or ["000"] * count),
        done_at=array("q", [NOW - 1000 * n for n in range(count)]).tobytes(),
        to_hashes=b"".join(b"hash%04d" % n for n in range(count)),
        tenant=TENANT,
        campaign=CAMPAIGN,
        chunk=CHUNK,
        part=0,
        size=500,
        lane="marketing",
        send=1,
        attempts=1,
        price=700,
        places=array("H", positions).tobytes(),
        indexes=array("I", positions).tobytes(),
        segments=segments or b"\1" * count,
        key_id=key_id,
        sealed_refs=sealed if refs else None,
    )


def unknown(states: Sequence[str], ids: Sequence[str] | None = None) -> CarrierReceipts:
    return msgspec.structs.replace(
        receipts(states, ids=ids),
        tenant=None,
        campaign=None,
        chunk=None,
        size=0,
        lane=None,
        places=b"",
        indexes=b"",
        segments=b"",
        key_id="",
    )


def found(position: int, **other: object) -> Found:
    fields: dict[str, object] = {
        "tenant": TENANT,
        "campaign": CAMPAIGN,
        "chunk": CHUNK,
        "part": 0,
        "size": 500,
        "lane": "marketing",
        "send": 2,
        "attempts": 1,
        "position": position,
        "index": position + 10,
        "segments": 1,
        "price": 700,
        "ref": f"r{position}",
        "accepted_at": NOW - 60_000,
        **other,
    }
    return Found(**fields)  # type: ignore[arg-type]
