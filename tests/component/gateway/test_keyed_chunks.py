"""Messages with keys in one chunk: a gateway that dies between any two steps, Redis emptied, two gateways at once.

In: two gateways on the same services. Out: what is on the topic: every key stands for one place in one chunk.
"""

from __future__ import annotations

import asyncio
import secrets
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import psycopg
import pytest
import redis
from aiohttp import ClientSession

from gateway.app import Gateway
from gateway.idempotency.batch import KeyBatches, Known
from gateway.idempotency.keys import EPOCH, WINDOW_MS
from gateway.ingest import Ingest
from gateway.messages.keyed_chunks import KeyedChunks
from gateway.role import open_gateway
from infra.postgres.pool import DatabaseDown
from schemas.values.ids import message_ids
from schemas.values.lanes import Lane
from tests.support.gateway_env import GatewayEnv, slices_of
from tests.support.gateway_server import served

pytestmark = pytest.mark.stack
Answer = tuple[int, dict[str, Any], bool]
Body = dict[str, Any]


@pytest.fixture
async def other(env: GatewayEnv, patient_redis: None) -> AsyncIterator[Gateway]:
    """A second gateway."""
    async with open_gateway(env.settings, f"gateway-test-{secrets.token_hex(3)}") as opened:
        yield opened


@pytest.fixture
async def other_client(other: Gateway, env: GatewayEnv) -> AsyncIterator[ClientSession]:
    async with served(other) as url, ClientSession(url, headers={"Authorization": f"Bearer {env.key}"}) as session:
        yield session


def bodies(count: int) -> dict[str, Body]:
    """So many messages, each to a number of its own, by key."""
    first = 4_915_100_000_000 + secrets.randbelow(10**8 - count)
    return {
        secrets.token_hex(8): {"to": f"+{first + n}", "from": "Shop", "body": f"Hello {n}", "client_ref": f"r{n}"}
        for n in range(count)
    }


async def post(client: ClientSession, key: str, body: Body) -> Answer:
    async with client.post("/v1/messages", json=body, headers={"Idempotency-Key": key}) as response:
        return response.status, await response.json(content_type=None), "Idempotency-Replayed" in response.headers


async def post_all(client: ClientSession, messages: dict[str, Body]) -> list[Answer]:
    return list(await asyncio.gather(*(post(client, key, body) for key, body in messages.items())))


async def post_until_accepted(client: ClientSession, messages: dict[str, Body]) -> list[str]:
    """As a client that never gives up; the ids."""
    found: dict[str, str] = {}
    async with asyncio.timeout(30):
        while len(found) < len(messages):
            left = {key: body for key, body in messages.items() if key not in found}
            for key, (status, answer, _) in zip(left, await post_all(client, left), strict=True):
                assert status in (202, 409, 503), answer
                if status == 202:
                    found[key] = answer["id"]
    return [found[key] for key in messages]


def places_of(env: GatewayEnv, messages: dict[str, Body]) -> dict[str, set[str]]:
    """By destination: ids of the messages that are on the topic."""
    wanted = {body["to"][1:] for body in messages.values()}
    found: dict[str, set[str]] = {}
    sealer = env.sealer()
    for _, s in slices_of(env.settings.kafka.bootstrap or "", f"ingest-{Lane.TRANSACTIONAL}"):
        if s.tenant != env.tenant:
            continue
        for number, name in zip(array("Q", sealer.open(s).to), message_ids(None, s.chunk, 0, s.indexes), strict=True):
            if str(number) in wanted:
                found.setdefault(str(number), set()).add(name.decode())
    return found


def each_once(env: GatewayEnv, messages: dict[str, Body], ids: Sequence[str]) -> None:
    """Every message has exactly the place whose id its sender was told."""
    assert places_of(env, messages) == {body["to"][1:]: {name} for body, name in zip(messages.values(), ids, strict=True)}


def empty_redis(env: GatewayEnv) -> None:
    assert env.settings.redis.url
    with redis.Redis.from_url(env.settings.redis.url.get_secret_value()) as client:
        client.flushdb()


def age_redis(env: GatewayEnv) -> None:
    """As if it had been emptied last before the day for which it keeps keys."""
    assert env.settings.redis.url
    with redis.Redis.from_url(env.settings.redis.url.get_secret_value()) as client:
        client.set(EPOCH, client.time()[0] * 1000 - WINDOW_MS - 60_000)


async def test_they_share_chunks_and_a_repeat_gets_its_own_id(client: ClientSession, env: GatewayEnv) -> None:
    messages = bodies(60)
    first = await post_all(client, messages)
    again = await post_all(client, messages)
    assert {status for status, _, _ in first + again} == {202}
    assert [a for _, a, _ in first] == [a for _, a, _ in again]
    assert (any(replayed for _, _, replayed in first), all(replayed for _, _, replayed in again)) == (False, True)
    ids = [answer["id"] for _, answer, _ in first]
    assert len(set(ids)) == 60 and len({name.partition("-")[0] for name in ids}) < 30
    each_once(env, messages, ids)
    for name, body in zip(ids[::20], list(messages.values())[::20], strict=True):
        async with client.get(f"/v1/messages/{name}") as response:
            shown = await response.json()
        assert (shown["id"], shown["to"], shown["client_ref"]) == (name, body["to"], body["client_ref"])


async def test_one_that_repeats_and_one_that_conflicts_do_not_hold_their_neighbours(
    client: ClientSession, env: GatewayEnv
) -> None:
    messages = bodies(20)
    old = dict(list(messages.items())[:10])
    first = [answer["id"] for _, answer, _ in await post_all(client, old)]
    changed = {key: body | {"body": "Other"} if n < 5 else body for n, (key, body) in enumerate(messages.items())}
    answers = await post_all(client, changed)
    assert [status for status, _, _ in answers] == [422] * 5 + [202] * 15
    assert {answer["code"] for _, answer, _ in answers[:5]} == {"idempotency_conflict"}
    assert [answer["id"] for _, answer, _ in answers[5:10]] == first[5:]
    each_once(env, messages, first + [answer["id"] for _, answer, _ in answers[10:]])


class Killed(Exception):
    """The gateway is gone."""


async def die(*_: Any, **__: Any) -> Any:
    raise Killed


def after(step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def run(*args: Any, **kwargs: Any) -> Any:
        await step(*args, **kwargs)
        raise Killed

    return run


STEPS: dict[str, tuple[type, str, bool]] = {
    "before the keys are claimed": (KeyBatches, "begin", False),
    "after the keys are claimed": (KeyBatches, "begin", True),
    "before their places are written": (KeyedChunks, "_write", False),
    "in the transaction that writes their places": (KeyedChunks, "_write", True),
    "before Kafka": (Ingest, "put_single", False),
    "after Kafka": (Ingest, "put_single", True),
    "before the answers are kept": (KeyBatches, "finish", False),
    "after the answers are kept": (KeyBatches, "finish", True),
}


@pytest.mark.parametrize("emptied", [False, True], ids=["", "redis-emptied"])
@pytest.mark.parametrize("step", list(STEPS))
async def test_a_gateway_that_dies_and_the_repeats_on_another_one(
    client: ClientSession,
    other_client: ClientSession,
    env: GatewayEnv,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    emptied: bool,
) -> None:
    messages = bodies(12)
    where, name, done = STEPS[step]
    with monkeypatch.context() as patch:
        patch.setattr(where, name, after(getattr(where, name)) if done else die)
        # Nothing is given up in an orderly way by a process that is gone.
        patch.setattr(KeyBatches, "release", die)
        assert {status for status, _, _ in await post_all(client, messages)} == {500}
    if emptied:
        empty_redis(env)
    ids = await post_until_accepted(other_client, messages)
    each_once(env, messages, ids)
    assert await post_until_accepted(client, messages) == ids


async def test_two_gateways_at_once(client: ClientSession, other_client: ClientSession, env: GatewayEnv) -> None:
    messages = bodies(40)
    ids, others = await asyncio.gather(
        post_until_accepted(client, messages), post_until_accepted(other_client, dict(reversed(messages.items())))
    )
    assert ids == list(reversed(others))
    each_once(env, messages, ids)


async def test_two_gateways_at_once_without_redis(
    client: ClientSession, other_client: ClientSession, env: GatewayEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(_: KeyBatches, _tenant: str, requests: Sequence[Any]) -> list[Any]:
        return [Known.UNKNOWN] * len(requests)

    monkeypatch.setattr(KeyBatches, "begin", unknown)
    messages = bodies(40)
    ids, others = await asyncio.gather(
        post_until_accepted(client, messages), post_until_accepted(other_client, dict(reversed(messages.items())))
    )
    assert ids == list(reversed(others))
    each_once(env, messages, ids)


async def test_without_postgresql_new_keys_go_alone_and_others_wait(
    client: ClientSession, gateway: Gateway, env: GatewayEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    age_redis(env)
    messages = bodies(10)
    with monkeypatch.context() as patch:
        patch.setattr(Ingest, "put_single", die)
        assert {status for status, _, _ in await post_all(client, messages)} == {500}
    gateway.accounts.up = False
    assert {(status, answer["code"]) for status, answer, _ in await post_all(client, messages)} == {
        (503, "database_unavailable")
    }
    new = bodies(10)
    alone = [answer["id"] for _, answer, _ in await post_all(client, new)]
    assert all(len(name) == 30 for name in alone)
    each_once(env, new, alone)
    gateway.accounts.up = True
    assert await post_until_accepted(client, new) == alone
    each_once(env, messages, await post_until_accepted(client, messages))


async def test_what_went_alone_without_postgresql_is_not_sent_again_in_company(
    client: ClientSession, gateway: Gateway, env: GatewayEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no place in PostgreSQL, and the sinks are behind."""
    age_redis(env)
    messages = bodies(10)
    gateway.accounts.up = False
    with monkeypatch.context() as patch:
        patch.setattr(KeyBatches, "finish", die)
        assert {status for status, _, _ in await post_all(client, messages)} == {500}
    gateway.accounts.up = True
    each_once(env, messages, await post_until_accepted(client, messages))


async def test_an_emptied_redis_and_no_postgresql_send_nothing_again(
    client: ClientSession, gateway: Gateway, env: GatewayEnv
) -> None:
    """Redis does not know these keys, and they have places."""
    messages = bodies(10)
    ids = [answer["id"] for _, answer, _ in await post_all(client, messages)]
    empty_redis(env)
    gateway.accounts.up = False
    assert {(status, answer["code"]) for status, answer, _ in await post_all(client, messages)} == {
        (503, "database_unavailable")
    }
    gateway.accounts.up = True
    assert await post_until_accepted(client, messages) == ids
    each_once(env, messages, ids)


async def test_a_postgresql_that_goes_away_while_places_are_written_sends_nothing(
    client: ClientSession, env: GatewayEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may stand there all the same: sent alone they would be sent twice."""
    messages, write = bodies(12), KeyedChunks._write

    async def go_away(*args: Any) -> None:
        await write(*args)
        raise DatabaseDown("gone")

    with monkeypatch.context() as patch:
        patch.setattr(KeyedChunks, "_write", go_away)
        assert {(status, answer["code"]) for status, answer, _ in await post_all(client, messages)} == {
            (503, "database_unavailable")
        }
    assert places_of(env, messages) == {}
    each_once(env, messages, await post_until_accepted(client, messages))


async def test_what_a_repeat_would_need_is_forgotten_with_the_chunk_in_postgresql(
    client: ClientSession, env: GatewayEnv
) -> None:
    messages = bodies(12)
    ids = [answer["id"] for _, answer, _ in await post_all(client, messages)]
    chunks = {f"chk_{name[4:30]}" for name in ids if "-" in name}
    with psycopg.connect(env.postgres) as connection:
        rows = connection.execute("SELECT chunk FROM unconfirmed_chunks WHERE chunk = ANY(%s)", (list(chunks),)).fetchall()
    assert {row[0] for row in rows} == chunks
