"""A carrier that allows one connection: one process carries all its lanes, that of the pool otp (decision 36).

In: how many connections a carrier may have (`binds`), and whether one process carries its lanes now (`one_process`), which
follows that wish once the pool that gives marketing up has nothing of it left. Out: the lanes that a pool's process carries
there, whether it holds connections, and whether marketing waits because it is about to change hands. Pure.
"""

from __future__ import annotations

from schemas.values.lanes import POOLS, Lane, Pool


def wants_one_process(binds: int) -> bool:
    """Whether all lanes are to share a connection."""
    return binds == 1


def changes_hands(lane: str, binds: int, *, one_process: bool) -> bool:
    """Whether nothing more of this lane may be given to the carrier for now."""
    return one_process is not wants_one_process(binds) and lane not in POOLS[Pool.OTP]


def lanes_carried(pool: Pool, binds: int, *, one_process: bool) -> tuple[Lane, ...]:
    """The lanes that this pool's process carries at the carrier, the more urgent first."""
    if pool is Pool.OTP and (one_process or wants_one_process(binds)):
        return tuple(Lane)
    return POOLS[pool]


def holds_connections(pool: Pool, binds: int, *, owns: bool) -> bool:
    """Whether this process connects to the carrier; `owns`: the partition of its codes is this process's. With one
    connection in all, nobody else may have it: not the other pool, nor another process of this one."""
    return (pool is Pool.OTP and owns) if wants_one_process(binds) else True
