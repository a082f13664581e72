"""The long window, forgotten scripts, and what happens when Redis is away."""

from __future__ import annotations

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
