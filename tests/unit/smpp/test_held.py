"""Receipts held back: how fast they go, and that they wait for room."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from connectors.simulator.held import HeldReceipts, Release
from connectors.simulator.outbox import Outbox
from tests.support.simulator_parts import Taker, notices
from tests.support.waiting import until


async def test_not_faster_than_the_rate() -> None:
    loop = asyncio.get_running_loop()
    held, outbox, taker = HeldReceipts(loop), Outbox(limit=1000), Taker(room=1000)
    outbox.join(taker)
    held.hold(notices(*range(20)), outbox, None, 100)
    begun = loop.time()
    assert held.release(Release(rate=100.0)) == 20
    await until(lambda: len(taker.got) == 20)
    assert loop.time() - begun >= 0.2
    assert sorted(map(int, taker.got)) == list(range(20))
    held.close()


async def test_two_releases_go_one_after_the_other() -> None:
    held, outbox, taker = HeldReceipts(asyncio.get_running_loop()), Outbox(limit=1000), Taker(room=1000)
    outbox.join(taker)
    for first in (0, 50):
        held.hold(notices(*range(first, first + 50)), outbox, None, 1000)
        held.release(Release(states=["ENROUTE", "DELIVRD"]))
    assert len(held) == 200
    await until(lambda: len(taker.got) == 200)
    assert {int(number) < 50 for number in taker.got[:100]} == {True}
    assert len(held) == 0
    held.close()


async def test_what_is_beyond_the_limit_comes_back() -> None:
    held, outbox = HeldReceipts(asyncio.get_running_loop()), Outbox(limit=1000)
    assert held.hold(notices(1, 2, 3), outbox, None, 2) == notices(3)
    assert held.hold(notices(4), outbox, None, 2) == notices(4)
    assert len(held) == 2
    held.close()
    assert len(held) == 0


async def test_no_more_than_some_thousand_wait_in_the_outbox() -> None:
    """Nobody is bound: they stay where they take least."""
    held, outbox = HeldReceipts(asyncio.get_running_loop()), Outbox(limit=1_000_000)
    held.hold(notices(*range(10_000)), outbox, None, 10_000)
    held.release(Release(states=["DELIVRD"] * 2))
    await until(lambda: len(outbox) == 5_000)
    assert len(held) == 15_000
    held.close()


@pytest.mark.parametrize("raw", [b'{"rate": -1}', b'{"seed": "x"}', b"[]", b'{"states": [1]}'])
def test_a_bad_release(raw: bytes) -> None:
    with pytest.raises((ValueError, msgspec.DecodeError)):
        msgspec.json.decode(raw, type=Release)
