"""Messages of several segments over a carrier that takes them whole: sent once, settled by one receipt, killed or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from psycopg.types.json import Jsonb

from schemas.records.codec import encode
from schemas.records.wire import Settled, Started
from schemas.values.lanes import Lane
from schemas.values.positions import everyone, places
from streams.memory_runner import MemoryRunner
from tests.support.carrier_peers.peer import Manners
from tests.support.carrier_peers.toy_peer import ToyPeer
from tests.support.dispatch.env import DispatchEnv, MakeEnv
from tests.support.streams.fakes import CarrierFact, FakePorts
from tests.support.streams.outputs import changes
from tests.support.toy_carrier import ToySettings
from tests.support.waiting import until

pytestmark = pytest.mark.stack

TEXT, SEGMENTS = "x" * 400, 3
MakeToy = Callable[[Lane, Manners], Awaitable[tuple[DispatchEnv, ToyPeer]]]


@pytest.fixture
async def make_toy(make_env: MakeEnv) -> AsyncIterator[MakeToy]:
    peers: list[ToyPeer] = []

    async def make(lane: Lane, manners: Manners) -> tuple[DispatchEnv, ToyPeer]:
        env, peer = make_env(lane), ToyPeer()
        await peer.start(manners)
        peers.append(peer)
        await env.open(rate=300)
        settings, _ = peer.settings(10.0).columns()
        env.database("UPDATE carriers SET kind = 'toy', settings = %s", Jsonb(settings))
        return env, peer

    yield make
    for peer in peers:
        await peer.stop()


def verdicts(env: DispatchEnv) -> dict[int, list[tuple[str, str]]]:
    """By position: what the log says of it, in order."""
    found: dict[int, list[tuple[str, str]]] = {}
    for record in env.of(Settled):
        for verdict in record.verdicts:
            for position in places(verdict.positions):
                found.setdefault(position, []).append((verdict.outcome, verdict.reason))
    return found


def times_taken(peer: ToyPeer) -> Counter[str]:
    """How often the counterpart took each message."""
    return Counter(one.destination for one in peer.seen() if one.id)


async def test_it_goes_once_and_its_one_receipt_delivers_it(make_toy: MakeToy) -> None:
    env, peer = await make_toy(Lane.MARKETING, Manners(throttle_every=5))
    await env.start()
    env.put(env.slice(20, body=TEXT, segments=bytes([SEGMENTS]) * 20))
    await until(lambda: {found[-1] for found in verdicts(env).values()} == {("sent", "none")} and len(verdicts(env)) == 20)
    assert len(times_taken(peer)) == 20 and set(times_taken(peer).values()) == {1}
    given = {one.id for one in peer.seen() if one.id}
    ids = [id_ for record in env.of(Settled) if record.ids for id_ in record.ids.split("\n")]
    assert len(ids) == 20 and set(ids) == given, "one id for the whole message"
    await until(lambda: sum(record.count for record in env.receipts()) == 20)
    fakes = FakePorts(carriers={env.carrier: CarrierFact(one_receipt_for_all_parts=ToySettings.sends_whole)})
    receipts = MemoryRunner(fakes.receipts, topic="carrier-receipts", clock=fakes.clock, batch=16)
    for record in env.receipts():
        assert set(record.segments) == {SEGMENTS}, "the price stays by segments"
        receipts.send(encode(record))
    await receipts.drain()
    delivered = 0
    for status, _, positions, *_ in changes(receipts.topics.written):
        assert status == "delivered"
        delivered |= positions
    assert delivered == everyone(20)


async def test_what_was_in_flight_when_its_owner_was_killed_is_not_sent_again(make_toy: MakeToy) -> None:
    env, peer = await make_toy(Lane.MARKETING, Manners(answer_delay_seconds=0.3))
    process = await env.spawn()
    env.put(env.slice(30, body=TEXT, segments=bytes([SEGMENTS]) * 30))
    await until(lambda: len(times_taken(peer)) > 10)
    env.kill(process)
    peer.behave(Manners())
    await env.start()
    await until(lambda: set(verdicts(env)) == set(range(30)))
    assert set(times_taken(peer).values()) == {1}
    assert {found[-1] for found in verdicts(env).values()} == {("sent", "none"), ("uncertain", "owner_lost")}
    assert set(Counter(p for record in env.of(Started) for p in places(record.positions)).values()) == {1}


async def test_an_otp_whose_answer_stays_out_goes_whole_once_more(make_toy: MakeToy) -> None:
    env, peer = await make_toy(Lane.OTP, Manners(silent_every=1))
    env.database("UPDATE carriers SET settings = settings || '{\"response_timeout_seconds\": 0.5}'::jsonb")
    await env.start()
    env.put(env.slice(1, body=TEXT, segments=bytes([SEGMENTS]), campaign=None, chunk=f"msg_{env.root}"))
    await until(lambda: verdicts(env).get(0, [("", "")])[-1][0] == "uncertain")
    assert [outcome for outcome, _ in verdicts(env)[0]] == ["unanswered", "uncertain"]
    assert times_taken(peer) == {peer.seen()[0].destination: 2}
