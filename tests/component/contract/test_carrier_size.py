"""Any carrier changes its window and its number of connections while it works, and loses nothing by it."""

import asyncio

import pytest

from connectors.carriers.contract import Accepted
from tests.support.carrier_peers.peer import Case, Manners
from tests.support.carriers import BINDS, WINDOW, Start, submits
from tests.support.waiting import until


async def test_a_window_is_changed_without_a_new_connection(start: Start) -> None:
    harness = await start(Manners(answer_delay_seconds=0.5))
    harness.carrier.send(submits(WINDOW * BINDS), harness.results.extend)
    assert harness.carrier.room() == 0
    await harness.carrier.resize(WINDOW + 5, BINDS)
    assert harness.carrier.room() == 5 * BINDS
    await harness.carrier.resize(2, BINDS)
    assert harness.carrier.room() == 0, "what is in flight runs out first"
    await until(lambda: len(harness.results) == WINDOW * BINDS)
    assert harness.carrier.room() == 2 * BINDS
    assert {type(result) for result in harness.results} == {Accepted}
    if Case.CONNECTIONS not in harness.peer.cannot:
        assert harness.peer.accepted_connections == BINDS and harness.peer.connections == BINDS


@pytest.mark.needs(Case.CONNECTIONS)
async def test_connections_come_and_go_with_their_number(start: Start) -> None:
    harness = await start(Manners(answer_delay_seconds=0.5))
    await harness.carrier.resize(WINDOW, BINDS + 2)
    await until(lambda: harness.carrier.room() == WINDOW * (BINDS + 2))
    harness.carrier.send(submits(WINDOW * (BINDS + 2)), harness.results.extend)
    await harness.carrier.resize(WINDOW, 1)
    assert harness.carrier.connected
    await until(lambda: harness.peer.connections == 1)
    await until(lambda: len(harness.results) == WINDOW * (BINDS + 2))
    assert {type(result) for result in harness.results} == {Accepted}, "whoever takes leave waits for its answers"
    assert harness.carrier.room() == WINDOW
    assert harness.peer.accepted_connections == BINDS + 2


@pytest.mark.needs(Case.CONNECTIONS)
async def test_never_more_connections_than_asked_for(start: Start) -> None:
    harness = await start(Manners(answer_delay_seconds=0.5))
    harness.carrier.send(submits(WINDOW * BINDS), harness.results.extend)
    most = 0
    fewer = asyncio.ensure_future(harness.carrier.resize(WINDOW, 1))
    await asyncio.wait([fewer], timeout=0.001)
    more = asyncio.ensure_future(harness.carrier.resize(WINDOW, BINDS))

    def grown() -> bool:
        nonlocal most
        most = max(most, harness.peer.connections)
        return more.done() and harness.peer.accepted_connections == BINDS + 1

    await until(grown)
    await until(lambda: harness.carrier.room() == WINDOW * BINDS)
    assert most == BINDS
    assert {type(result) for result in harness.results} == {Accepted}


async def test_numbers_that_can_never_work_change_nothing(start: Start) -> None:
    harness = await start()
    with pytest.raises(ValueError, match="window"):
        await harness.carrier.resize(0, BINDS)
    assert harness.carrier.room() == WINDOW * BINDS
