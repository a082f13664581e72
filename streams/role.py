"""The role `streams`: intake, settlement and receipts, for the lanes of one pool.

In: `RoleContext` (pool otp or bulk). Out: the stages of that pool at work until the stop. Before the first record every
campaign's command is read to the topic's end, and the configuration is known. Guarantee: see `runner.py`; this file only
puts the parts together. PostgreSQL away: it starts when PostgreSQL is back, and later waits where it must; Redis away: it
goes on with less room. Kafka refusing an output: exit 70, unacknowledged.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from infra.kafka.batch_outbox import BatchOutbox
from infra.kafka.command_cache import CommandCache
from infra.kafka.outbox import Outbox
from infra.kafka.patient_outbox import PatientOutbox
from infra.kafka.rejected_commands import RejectedCommands
from infra.postgres.config_cache import ConfigCache
from infra.postgres.pool import Pool, open_pool
from infra.redis.carrier_capacity import CarrierCapacity
from infra.redis.client import connect
from infra.runtime.clock import GuardedClock
from infra.runtime.role import RoleContext
from infra.security.keyring import load_keyring
from infra.security.sealing import Sealer
from schemas.records.topics import dispatch
from schemas.values.lanes import POOLS
from schemas.values.lanes import Pool as LanePool
from schemas.values.phone.number import PhoneError, are_valid, normalise
from streams.adapters.allowance_credit import AllowanceCredit
from streams.adapters.log_owners import LogOwners
from streams.adapters.postgres_credit import PostgresCredit
from streams.adapters.postgres_refs import PostgresRefs
from streams.adapters.redis_capacity import RedisCapacity
from streams.faust_runner import Source, run_sources
from streams.handler import Handler
from streams.intake.handler import IntakeHandler, IntakePorts
from streams.kafka_outlet import MAY_WAIT, KafkaOutlet
from streams.pipeline import Stage, topics_of
from streams.ports import Config, Credit, Owners, Sealing
from streams.receipts.handler import ReceiptsHandler, ReceiptsPorts
from streams.runner import Runner
from streams.settlement.handler import SettlementHandler, SettlementPorts

SERVICE = "streams"
OTP_LINGER_MS = 0.0
BULK_LINGER_MS = 5.0
PATIENCE_SECONDS = {LanePool.OTP: 0.1, LanePool.BULK: 0.0}
"""What intake of the pool otp tells of comes record by record; the stages of the pool bulk have gathered theirs."""
CONNECTIONS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the stages of a process share."""

    pool: Pool
    commands: CommandCache
    config: Config
    sealer: Sealing
    capacity: CarrierCapacity
    credit: Credit
    owners: Owners
    clock: GuardedClock


async def run(role: RoleContext) -> None:
    """The role: until `role.stop`."""
    settings = role.settings
    pool_name = LanePool(role.pool or LanePool.BULK)
    cluster = settings.kafka
    keyring = load_keyring(settings.keyring_path)
    pool = await open_pool(_secret(settings.postgres.url), size=CONNECTIONS)
    config = ConfigCache(pool, keyring)
    await config.start()
    commands = CommandCache(cluster, RejectedCommands(cluster, SERVICE) if pool_name is LanePool.BULK else None)
    await commands.start()
    redis = connect(_secret(settings.redis.url))
    accounts = PostgresCredit(pool, now_ms)
    parts = Parts(
        pool=pool,
        commands=commands,
        config=config,
        sealer=Sealer(keyring),
        capacity=CarrierCapacity(redis),
        credit=AllowanceCredit(accounts, pool, now_ms) if pool_name is LanePool.OTP else accounts,
        owners=LogOwners(cluster),
        clock=GuardedClock(),
    )
    linger = OTP_LINGER_MS if pool_name is LanePool.OTP else BULK_LINGER_MS
    compression = settings.kafka.public_compression
    patient = PatientOutbox(
        BatchOutbox(cluster, f"{role.instance}-patient", compression=compression), PATIENCE_SECONDS[pool_name]
    )
    outbox = Outbox(cluster, role.instance, linger_ms=linger)
    outlet = KafkaOutlet(
        outbox,
        BatchOutbox(cluster, f"{role.instance}-batches", compression=compression),
        patient,
    )
    # A role that is ready has everything open: the first code does not wait for it.
    await patient.open(sorted(MAY_WAIT))
    await outbox.open([dispatch(lane) for lane in POOLS[pool_name]])
    await redis.open()
    sources = [
        Source(
            topic, Runner(make_handler(stage, parts), outlet, service=SERVICE, clock=now_ms).run, stage.batch, stage.gather
        )
        for topic, stage in topics_of(pool_name)
    ]
    await run_sources(
        sources,
        cluster=cluster,
        group=f"sluice-streams-{pool_name}",
        instance=role.instance,
        folder=settings.data_dir / "faust" / role.instance,
        stop=role.stop,
        ready=role.ready,
    )


def make_handler(stage: Stage, parts: Parts) -> Handler:
    """This row of the pipeline at work. Raises KeyError for a name that nobody handles."""
    match stage.name:
        case "intake":
            return IntakeHandler(
                IntakePorts(
                    campaigns=parts.commands,
                    config=parts.config,
                    sealing=parts.sealer,
                    credit=parts.credit,
                    capacity=RedisCapacity(parts.capacity, time.monotonic),
                    invalid=invalid_numbers,
                    clock=parts.clock.now,
                ),
                stage.steps,
                stage.writes,
            )
        case "settlement":
            return SettlementHandler(SettlementPorts(sealing=parts.sealer, owners=parts.owners, clock=now_ms), stage.writes)
        case "receipts":
            return ReceiptsHandler(
                ReceiptsPorts(
                    config=parts.config, sealing=parts.sealer, refs=PostgresRefs(parts.pool, parts.sealer), clock=now_ms
                ),
                stage.writes,
            )
    raise KeyError(stage.name)


def invalid_numbers(numbers: Sequence[int]) -> set[int]:
    """Which of these E.164 digits are no numbers that can be sent to, in the form that the gateway keeps."""
    return set() if are_valid(numbers) else {number for number in numbers if not _is_valid(number)}


def _is_valid(number: int) -> bool:
    try:
        return normalise(f"+{number}") == number
    except PhoneError:
        return False


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""
