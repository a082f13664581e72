"""Records for the tests of dispatch, with everything filled in that a test does not care about."""

from __future__ import annotations

from array import array
from typing import Any

from infra.security.keyring import Keyring
from infra.security.sealing import Sealer
from schemas.records.slice import Columns, Slice
from schemas.records.wire import Owner, Returned, Settled, Started, Verdict
from schemas.values.positions import everyone

SEALER = Sealer(Keyring("k1", {"k1": bytes(32)}))
CHUNK = "chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_0"
CAMPAIGN = "cmp_01HZZZZZZZZZZZZZZZZZZZZZZZ"


def a_slice(size: int = 10, **given: Any) -> Slice:
    """A chunk for the carrier `acme`."""
    columns = given.pop("columns", None) or Columns(
        to=array("Q", [491510000000 + p for p in range(size)]).tobytes(),
        variables=given.pop("variables", {}),
        refs=given.pop("refs", None),
    )
    chunk = given.get("chunk", CHUNK)
    key_id, sealed = SEALER.seal(columns, tenant=given.get("tenant", "t"), campaign=CAMPAIGN, chunk=chunk)
    fields: dict[str, Any] = {
        "tenant": "t",
        "campaign": CAMPAIGN,
        "chunk": chunk,
        "part": 0,
        "size": size,
        "lane": "marketing",
        "send": 1,
        "positions": everyone(size),
        "sender": "ACME",
        "body": "hello",
        "accepted_at": 0,
        "due_at": 0,
        "expires_at": 2**41,
        "indexes": array("I", range(size)).tobytes(),
        "key_id": key_id,
        "sealed": sealed,
        "carrier": "acme",
        "price": 700,
        "segments": bytes([1]) * size,
        "resume_at": "route",
    }
    return Slice(**fields | given)


def owner() -> Owner:
    """Somebody takes over."""
    return Owner(owner="o", lane="marketing", at=0)


def started(positions: int, epoch: int = 0, chunk: str = CHUNK, dispatch_offset: int = 0, at: int = 0) -> Started:
    """Positions about to go out."""
    return Started(
        epoch=epoch,
        carrier="acme",
        tenant="t",
        campaign=CAMPAIGN,
        chunk=chunk,
        part=0,
        size=10,
        lane="marketing",
        send=1,
        round=0,
        price_class=0,
        attempts=0,
        positions=positions,
        dispatch_offset=dispatch_offset,
        at=at,
    )


def settled(
    positions: int, epoch: int = 0, chunk: str = CHUNK, reason: str = "none", outcome: str = "sent", at: int = 0
) -> Settled:
    """Positions with an answer."""
    return Settled(
        epoch=epoch,
        carrier="acme",
        tenant="t",
        campaign=CAMPAIGN,
        chunk=chunk,
        part=0,
        size=10,
        lane="marketing",
        send=1,
        round=0,
        price_class=0,
        attempts=0,
        positions=positions,
        price=0,
        lease=None,
        at=at,
        verdicts=[Verdict(outcome=outcome, reason=reason, code=None, positions=positions)],
        indexes=b"",
        segments=b"",
        ids="",
        to_hashes=b"",
        key_id="",
    )


def not_submitted(positions: int, epoch: int = 0, reason: str = "throttled", at: int = 0) -> Settled:
    """Positions that the carrier did not take."""
    return settled(positions, epoch=epoch, reason=reason, outcome="not_submitted", at=at)


def unanswered(positions: int, epoch: int = 0, at: int = 0) -> Settled:
    """Positions without an answer, to go out once more."""
    return settled(positions, epoch=epoch, reason="answer_timeout", outcome="unanswered", at=at)


def returned(positions: int, epoch: int = 0) -> Returned:
    """Positions given up."""
    return Returned(epoch=epoch, carrier="acme", reason="canceled", at=0, rest=a_slice(10, positions=positions))
