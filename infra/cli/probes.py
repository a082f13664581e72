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
    from infra.supervisor.service_answers import AWAY, ask_kafka, ask_postgres, ask_redis

    return [
        probe(
            "kafka",
            settings.kafka.bootstrap,
            lambda: ask_kafka(settings),
            AWAY.format(name="kafka", variable="KAFKA__BOOTSTRAP"),
        ),
        probe(
            "postgres",
            _url(settings.postgres.url),
            lambda: ask_postgres(settings),
            AWAY.format(name="postgres", variable="POSTGRES__URL"),
        ),
        probe(
            "redis",
            _url(settings.redis.url),
            lambda: ask_redis(settings),
            AWAY.format(name="redis", variable="REDIS__URL"),
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
