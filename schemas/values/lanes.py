"""Lanes and pools: how urgent a message is, and which processes carry it.

Enters: the lane that a sender asked for. Leaves: the pool of processes that serves it. Nothing can go wrong here;
an unknown name is refused by the enum itself with ValueError.

Every topic on a message's way exists once per lane, so that a campaign of millions never stands before a one-time code.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Lane(StrEnum):
    """How urgent a message is; part of the names of topics."""

    OTP = "otp"
    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"


class Pool(StrEnum):
    """A group of processes that serve the same lanes."""

    OTP = "otp"
    BULK = "bulk"


POOLS: Mapping[Pool, tuple[Lane, ...]] = MappingProxyType(
    {
        Pool.OTP: (Lane.OTP, Lane.TRANSACTIONAL),
        Pool.BULK: (Lane.MARKETING,),
    }
)
"""The lanes of each pool, in the order in which a process of that pool serves them."""

SENT_ONCE_MORE = frozenset({Lane.OTP, Lane.TRANSACTIONAL})
"""Lanes whose messages go out once more, under the same send number, when nobody knows whether the carrier has them: a
second code does less harm than none. The others never do."""

_POOL_OF: Mapping[Lane, Pool] = MappingProxyType({lane: pool for pool, lanes in POOLS.items() for lane in lanes})


def pool_of(lane: Lane) -> Pool:
    """The pool whose processes serve this lane."""
    return _POOL_OF[lane]
