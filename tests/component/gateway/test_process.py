"""The role as a process: stopped by a signal while requests are on their way, none of them is cut."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession

from infra.services.ports import free_port
from schemas.values.ids import message_ids
from tests.support.gateway_env import GatewayEnv, slices_of
from tests.support.waiting import wait_for

pytestmark = pytest.mark.stack
SCRIPT = """
import json, sys
from pathlib import Path
from gateway import role
from infra.runtime.role import serve_role
from infra.settings.model import Settings
settings = Settings.model_validate(json.loads(sys.argv[1]))
sys.exit(serve_role(role.run, settings=settings, name="gateway", pool=None, instance="gateway-0"))
"""
MESSAGE = {"to": "+4915112345678", "from": "Shop", "body": "Hello"}


def given(env: GatewayEnv, folder: Path, port: int) -> str:
    """The settings as JSON, secrets in clear."""
    settings = env.settings
    return json.dumps(
        {
            "data_dir": str(folder),
            "keyring": str(settings.keyring_path),
            "kafka": {"bootstrap": settings.kafka.bootstrap},
            "postgres": {"url": env.postgres},
            "gateway": {"port": port},
            "redis": {"url": settings.redis.url.get_secret_value() if settings.redis.url else None},
        }
    )


def ids_on_topic(env: GatewayEnv) -> set[str]:
    found = slices_of(env.settings.kafka.bootstrap or "", "ingest-transactional")
    return {name.decode() for _, s in found for name in message_ids(s.campaign, s.chunk, s.part, s.indexes)}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_every_answered_message_is_on_the_topic(env: GatewayEnv, tmp_path: Path, how: signal.Signals) -> None:
    port, answered = free_port(), list[str]()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SCRIPT, given(env, tmp_path, port))
    try:
        async with ClientSession(f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {env.key}"}) as client:
            await asyncio.to_thread(wait_for, (tmp_path / "run" / "gateway.json").exists, 60)

            async def keep_sending() -> None:
                while True:
                    try:
                        async with client.post("/v1/messages", json=MESSAGE) as response:
                            if response.status == 202:
                                answered.append((await response.json())["id"])
                    except ClientError:
                        return

            senders = [asyncio.create_task(keep_sending()) for _ in range(8)]
            await asyncio.to_thread(wait_for, lambda: len(answered) >= 100, 30)
            process.send_signal(how)
            code = await asyncio.wait_for(process.wait(), 15)
            await asyncio.wait_for(asyncio.gather(*senders), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert code == (0 if how is signal.SIGTERM else -signal.SIGKILL)
    on_topic = ids_on_topic(env)
    assert len(answered) >= 100 and set(answered) <= on_topic
