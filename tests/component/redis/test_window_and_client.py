"""The long window, forgotten scripts, and what happens when Redis is away."""

from __future__ import annotations

import asyncio
import socket

import pytest

from infra.redis.client import Redis, RedisDown, Script, load_script
from infra.redis.settled import LIFE_SECONDS, SettledWindow
from infra.redis.tokens import Tokens

pytestmark = pytest.mark.stack


async def test_positions_add_up(redis: Redis, name: str) -> None:
    window = SettledWindow(redis)
    await window.merge({(name, 1): 0b1, (name, 2): 1 << 400})
    await window.merge({(name, 1): 1 << 499, (name, 2): 0b1})
    await window.merge({(name, 1): 0b10})
    assert await window.read([(name, 1), (name, 3), (name, 2)]) == [1 << 499 | 0b11, 0, 1 << 400 | 1]
    assert LIFE_SECONDS - 5 <= int(await redis.command("TTL", f"settled:{name}:1")) <= LIFE_SECONDS


async def test_the_age_of_this_redis_grows_and_is_kept(redis: Redis) -> None:
    window = SettledWindow(redis)
    first = await window.age_seconds()
    await redis.command("SET", "settled:epoch", 1_000_000_000)
    later = await window.age_seconds()
    await redis.command("DEL", "settled:epoch")
    assert 0 <= first < later
    assert later > 700_000_000


async def test_a_forgotten_script_is_sent_again(redis: Redis, name: str) -> None:
    tokens = Tokens(redis)
    await tokens.lease(name, "otp", 1, 100, "a")
    await redis.command("SCRIPT", "FLUSH")
    assert await tokens.lease(name, "otp", 1, 100, "b") in (0, 1)
    assert (await redis.command("SCRIPT", "EXISTS", load_script("infra.redis", "tokens").sha))[0] == 1


async def test_a_fault_in_a_script_is_no_lost_redis(redis: Redis) -> None:
    broken = Script(text="return redis.call('NOPE')", sha="0" * 40)
    with pytest.raises(Exception, match=r"(?i)unknown") as caught:
        await redis.run(broken, [], [])
    assert not isinstance(caught.value, RedisDown)


async def test_redis_away_is_said_at_once_and_asked_again_after_a_second() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    now = [100.0]
    client = Redis(f"redis://127.0.0.1:{port}", clock=lambda: now[0])
    with pytest.raises(RedisDown, match="Connect"):
        await client.command("PING")
    with pytest.raises(RedisDown, match="a moment ago"):
        await client.command("PING")
    now[0] += 1.01
    with pytest.raises(RedisDown, match="Connect"):
        await client.command("PING")
    await client.close()


async def test_a_redis_that_hangs_is_down_after_a_quarter_of_a_second() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        client = Redis(f"redis://127.0.0.1:{mute.getsockname()[1]}")
        with pytest.raises(RedisDown):
            await client.command("PING")
        await client.close()


async def test_a_cancellation_that_nobody_asked_for_is_a_lost_redis(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections closed by several callers are one future: the time-out of one caller cancels it for the others."""

    async def closed_by_others(*_words: object) -> None:
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    monkeypatch.setattr(redis._client, "execute_command", closed_by_others)
    with pytest.raises(RedisDown, match="CancelledError"):
        await redis.command("PING")


async def test_a_task_that_is_told_to_end_ends(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asyncio.Event()

    async def slow(*_words: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(redis._client, "execute_command", slow)
    task = asyncio.create_task(redis.command("PING"))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_callers_that_lose_redis_together_are_all_told_so(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them closes the idle connections; that a close takes too long is no concern of the caller."""

    async def too_slow(inuse_connections: bool = True) -> None:
        raise TimeoutError

    async def away(*_words: object) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr(redis._pool, "disconnect", too_slow)
    monkeypatch.setattr(redis._client, "execute_command", away)
    told = await asyncio.gather(*(redis.command("PING") for _ in range(20)), return_exceptions=True)
    assert {type(one) for one in told} == {RedisDown}
