"""What is judged of a request for all kinds that speak HTTP, where the contract suite cannot tell it apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from connectors.carriers.contract import CarrierCallbacks, NotSent, Result, Submit, Unknown
from tests.support.carrier_peers.peer import Manners
from tests.support.carrier_peers.toy_peer import ToyPeer
from tests.support.carriers import never_unreadable, submits
from tests.support.toy_carrier import ToyCarrier, ToySettings
from tests.support.waiting import until


class Stumbling(ToyCarrier):
    """Never comes to an end, or fails at its own answer."""

    async def submit_one(self, http: aiohttp.ClientSession, submit: Submit) -> Result:
        if submit.ref == 0:
            await asyncio.Event().wait()
        raise KeyError("id")


@pytest.fixture
async def peer() -> AsyncIterator[ToyPeer]:
    peer = ToyPeer()
    await peer.start(Manners())
    yield peer
    await peer.stop()


async def opened(kind: type[ToyCarrier], peer: ToyPeer, patience: float) -> ToyCarrier:
    """A connection that looks seldom."""
    callbacks = CarrierCallbacks(on_receipts=lambda _r, _a: None, on_room=lambda: None, on_unreadable=never_unreadable)
    settings = peer.settings(patience).model_copy(update={"look_seconds": 60.0})
    assert isinstance(settings, ToySettings)
    carrier = kind(settings, callbacks, window=10, binds=2)
    await carrier.open()
    await until(lambda: carrier.connected)
    return carrier


async def test_without_a_connection_nothing_was_sent_and_nothing_is_until_a_look_finds_it_again(peer: ToyPeer) -> None:
    results: list[Result] = []
    carrier = await opened(ToyCarrier, peer, 5.0)
    await peer.stop()
    carrier.send(submits(3), results.extend)
    await until(lambda: len(results) == 3)
    assert sorted(results, key=lambda one: one.ref) == [NotSent(ref=ref) for ref in range(3)]
    assert not carrier.connected and carrier.room() == 0
    await carrier.close()


async def test_whatever_a_kind_stumbles_over_its_message_has_one_result(peer: ToyPeer) -> None:
    results: list[Result] = []
    carrier = await opened(Stumbling, peer, 0.1)
    carrier.send(submits(2), results.extend)
    await until(lambda: results == [Unknown(ref=1, lost=True)])
    await carrier.close()
    assert results[1:] == [Unknown(ref=0)]


def test_an_address_that_is_none_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ValueError, match=r"settings\.url"):
        ToySettings.from_columns({"url": "ftp://somewhere"}, "secret")
