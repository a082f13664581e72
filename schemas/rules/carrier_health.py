"""How a carrier is doing, as dispatch tells it to those who choose carriers and to operators.

In: what dispatch has seen. Out: a state with its beginning and the last fault; as text for Redis and back. Text that is not
ours reads as None, as nothing does: nobody knows anything bad of that carrier.

    closed    the breaker lets everything through
    open      nothing is started there: the connection is lost, calls go unanswered or are refused for the moment
    probing   it may be back: a few messages go, and what becomes of them decides
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

PROBES = 3
"""Messages that a carrier gets while nobody knows whether it is back."""


class BreakerState(StrEnum):
    """Of the breaker of one carrier, in one pool of dispatch."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class CarrierHealth(msgspec.Struct, frozen=True, kw_only=True):
    """`since`: when the state began (milliseconds); `fault`: what was wrong last, in the carrier's terms ('' = nothing);
    `share`: of the contract's rate that it gets now, below 1 when it throttles."""

    state: BreakerState
    since: int
    fault: str = ""
    share: float = 1.0


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(CarrierHealth).decode


def write_health(health: CarrierHealth) -> bytes:
    """As Redis keeps it."""
    return _encode(health)


def read_health(text: bytes | None) -> CarrierHealth | None:
    """What Redis keeps; None = nobody has told."""
    try:
        return None if text is None else _decode(text)
    except msgspec.DecodeError:
        return None


def takes_nothing(health: CarrierHealth | None, rate: float) -> bool:
    """Whether nothing would be started at a carrier of this rate now."""
    return rate <= 0 or (health is not None and health.state is BreakerState.OPEN)
