"""Whether Kafka, PostgreSQL and Redis let us in, and which setting is to be mended when one does not.

In: settings. Out: what each says of itself; `check_given` before roles start, for services that are not ours: one that
refuses us would otherwise keep every role waiting, for to a role it is merely away. Wrong: a `Refusal` with the next step.
A service that does not answer yet is no refusal: it may be starting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from infra.kafka.reach import KafkaUnreachable, reach
from infra.postgres.admin_store import server_version
from infra.postgres.pool import DatabaseDown
from infra.redis.client import Redis, RedisDown
from infra.runtime.refusal import Refusal
from infra.settings.model import Settings

Mends = Sequence[tuple[tuple[str, ...], str]]
AWAY = "start the stack with `sluice up`; if it runs, see DATA/logs/{name}.log; or set SLUICE_{variable}"
_OF_POSTGRES: Mends = (
    (("certificate verify failed", "root certificate"), "name the authority's PEM: ?sslmode=verify-full&sslrootcert=FILE"),
    (("does not match host name",), "the URL's host must be a name that stands in the server's certificate"),
    (("does not support SSL",), "switch TLS on at the server, or leave sslmode out of the URL"),
    (("no encryption", "SSL off"), "the server wants TLS: ?sslmode=verify-full&sslrootcert=FILE"),
    (
        ("private key file", "certificate file", "valid client certificate"),
        "?sslcert=FILE&sslkey=FILE (the key 0600)",
    ),
    (
        ("authentication failed", "no password supplied", "does not exist"),
        "user, password, database as the server has them",
    ),
)
"""What the client says when the server refuses, and what is to be mended in SLUICE_POSTGRES__URL."""
_OF_REDIS: Mends = (
    (("certificate verify failed", "CERTIFICATE_VERIFY_FAILED"), "name the authority's PEM: rediss://...?ssl_ca_certs=FILE"),
    (("AuthenticationError", "WRONGPASS", "NOAUTH"), "redis://USER:PASSWORD@host as `ACL LIST` of the server has them"),
    (("NoPermissionError", "NOPERM"), "the ACL user lacks rights; see what docs/operations.md gives it"),
    (
        ("SSLError", "WRONG_VERSION_NUMBER", "wrong version number"),
        "no TLS at that port: redis://, or its TLS port",
    ),
)
"""The same of SLUICE_REDIS__URL."""


def ask_kafka(settings: Settings) -> str:
    """A sentence. Raises KafkaUnreachable."""
    found = reach(settings.kafka)
    return f"{len(found.brokers)} broker(s), {len(found.topics)} topics"


def ask_postgres(settings: Settings) -> str:
    """A sentence. Raises Refusal."""
    url = settings.postgres.url
    try:
        return f"PostgreSQL {server_version(url.get_secret_value() if url else '')}"
    except DatabaseDown as fault:
        words = _first_line(fault)
        raise Refusal(words, postgres_mend(words)) from fault


def ask_redis(settings: Settings) -> str:
    """A sentence. Raises Refusal."""
    try:
        return asyncio.run(_ping(settings))
    except RedisDown as fault:
        words = str(fault)
        away = AWAY.format(name="redis", variable="REDIS__URL")
        # A server without TLS waits for the end of what it takes for a line.
        encrypted = settings.redis.url is not None and settings.redis.url.get_secret_value().startswith("rediss:")
        mend = _mend(words, _OF_REDIS) or (f"{away}; if its port has no TLS, use redis://" if encrypted else away)
        raise Refusal(words, mend) from fault


def postgres_mend(words: str) -> str:
    """What to do about what PostgreSQL (or its client) said."""
    return _mend(words, _OF_POSTGRES) or AWAY.format(name="postgres", variable="POSTGRES__URL")


def check_given(settings: Settings) -> None:
    """Return when no service that settings point to refuses us. Raises Refusal."""
    kafka = settings.kafka
    if kafka.bootstrap is None and kafka.security_protocol != "PLAINTEXT":
        raise Refusal(
            f"kafka.security_protocol is {kafka.security_protocol}, and the Kafka that is started here has no such listener",
            "set kafka.bootstrap to yours, or leave the security settings out",
        )
    if kafka.bootstrap is not None:
        try:
            reach(kafka)
        except KafkaUnreachable as fault:
            if fault.refused:
                raise
    for url, ask, mends in (
        (settings.postgres.url, ask_postgres, _OF_POSTGRES),
        (settings.redis.url, ask_redis, _OF_REDIS),
    ):
        if url is not None:
            try:
                ask(settings)
            except Refusal as fault:
                if _mend(fault.problem, mends):
                    raise


async def _ping(settings: Settings) -> str:
    url = settings.redis.url
    client = Redis(url.get_secret_value() if url else "")
    try:
        return "answers" if await client.command("PING") else "says nothing"
    finally:
        await client.close()


def _mend(words: str, mends: Mends) -> str | None:
    found = next((mend for signs, mend in mends if any(sign in words for sign in signs)), None)
    return found and f"mend SLUICE_{'REDIS' if mends is _OF_REDIS else 'POSTGRES'}__URL: {found}"


def _first_line(fault: BaseException) -> str:
    return (str(fault).strip().splitlines() or ["no reason given"])[0]
