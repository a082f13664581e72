"""A session with a carrier takes leave: its row is gone, or another process has the carrier.

In: a session. Out: what waits is handed back at once; what is in flight is answered, and missing segments of messages go, as
long as the connection stands, for `ANSWER_SECONDS` at most; then the connection is closed, and whatever comes back from it
is handed back as well. Messages of which some segments will never go have failed in part. Nothing can go wrong: what is
left over holds the partition's commit back, and the next owner finds it in the log.
"""

from __future__ import annotations

import asyncio

from connectors.dispatch.carrier_session import CarrierSession
from schemas.values.reasons import Reason

ANSWER_SECONDS = 10.0
LAST_SECONDS = 10.0
LOOK_SECONDS = 0.02


async def retire(session: CarrierSession) -> None:
    """Until nothing is left of it."""
    sender, loop = session.sender, asyncio.get_running_loop()
    sender.drain()
    until = loop.time() + ANSWER_SECONDS
    while sender.in_flight and sender.carrier.connected and loop.time() < until:
        _hand_back(session)
        await asyncio.sleep(LOOK_SECONDS)
    await session.close()
    until = loop.time() + LAST_SECONDS
    while True:
        sender.give_up_unsent()
        _hand_back(session)
        if sender.idle or loop.time() > until:
            break
        await asyncio.sleep(LOOK_SECONDS)
    sender.matcher.flush()


def _hand_back(session: CarrierSession) -> None:
    session.sender.flush_outcomes()
    session.sender.queue.sweep(lambda _batch: Reason.NO_CARRIER)
