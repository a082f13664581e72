"""Whether each dependency answers, how fast, and what to do when it does not.

In: settings. Out: rows `{name, ok, milliseconds, address, says, next_step}`; passwords never appear. Nothing raises:
whatever goes wrong is what the row says.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from infra.runtime.refusal import Refusal
from infra.settings.model import Settings

Row = dict[str, Any]


def probe_services(settings: Settings) -> list[Row]:
    """Kafka, PostgreSQL, Redis."""
    return [
        probe(
            "kafka",
            settings.kafka.bootstrap,
            lambda: _kafka(settings),
            "start the stack with `sluice up`; if it runs, see DATA/logs/kafka.log; or set SLUICE_KAFKA__BOOTSTRAP",
        ),
        probe(
            "postgres",
            _url(settings.postgres.url),
            lambda: _postgres(settings),
            "start the stack with `sluice up`; if it runs, see DATA/logs/postgres.log; or set SLUICE_POSTGRES__URL",
        ),
        probe(
            "redis",
            _url(settings.redis.url),
            lambda: _redis(settings),
            "start the stack with `sluice up`; if it runs, see DATA/logs/redis.log; or set SLUICE_REDIS__URL",
        ),
    ]


def probe(name: str, address: str | None, ask: Callable[[], str], next_step: str) -> Row:
    """One row. An address that is not known is a fault with its own mend; so is a refusal that names its next step."""
    if not address:
        return {
            "name": name,
            "ok": False,
            "milliseconds": None,
            "address": None,
            "says": "no address is known",
            "next_step": "start a stack with `sluice up`, or name one with --data or SLUICE_... variables",
        }
    begun = time.perf_counter()
    try:
        says = ask()
        ok = True
    except Exception as fault:  # noqa: BLE001  why: a doctor names every illness, whatever library it comes from
        says, ok = _symptom(fault), False
        next_step = getattr(fault, "next_step", "") or next_step
    return {
        "name": name,
        "ok": ok,
        "milliseconds": round((time.perf_counter() - begun) * 1000, 1),
        "address": masked(address),
        "says": says,
        "next_step": "" if ok else next_step,
    }


def _symptom(fault: Exception) -> str:
    if isinstance(fault, Refusal):
        return fault.problem
    if type(fault).__name__ == "KafkaException":
        return f"it does not answer: {kafka_words(fault)}"
    return f"{type(fault).__name__}: {(str(fault).strip().splitlines() or ['no reason given'])[0]}"


def kafka_words(fault: BaseException) -> str:
    """What librdkafka says, without the braces and numbers around it."""
    error = fault.args[0] if fault.args else fault
    return str(error.str()) if hasattr(error, "str") else str(error)


def masked(url: str) -> str:
    """The address without its password."""
    return re.sub(r"(//[^:@/]*):[^@/]*@", r"\1:***@", url)


def _url(value: Any) -> str | None:
    return None if value is None else str(value.get_secret_value())


def _kafka(settings: Settings) -> str:
    from infra.kafka.client import make_admin

    metadata = make_admin(settings.kafka.bootstrap or "").list_topics(timeout=3)
    return f"{len(metadata.brokers)} broker(s), {len(metadata.topics)} topics"


def _postgres(settings: Settings) -> str:
    from infra.postgres.admin_store import server_version

    return f"PostgreSQL {server_version(_url(settings.postgres.url) or '')}"


def _redis(settings: Settings) -> str:
    import asyncio

    from infra.redis.client import Redis

    async def ask() -> str:
        client = Redis(_url(settings.redis.url) or "")
        try:
            return "answers" if await client.command("PING") else "says nothing"
        finally:
            await client.close()

    return asyncio.run(ask())
