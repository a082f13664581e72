"""The role `dispatch`: what intake has admitted goes out to the carriers, and every call of a carrier is written to a log.

In: `dispatch-<lane>` (pool otp: otp, then transactional; bulk: marketing), `dispatch-shared` (otp: marketing of carriers
with one bind), `campaign-commands`, the carriers' rows. Out: `attempts-<lane>`, `carrier-receipts`, `dead-letter`.
Guarantee: a message is submitted only after its start is in the log and while no newer owner has its partition; marketing at
most once, the urgent lanes once more when nobody knows. While PostgreSQL is away the known carriers go on (marketing waits
where only PostgreSQL can tell); while Redis is away, more slowly; while Kafka is away nothing is started. A newer owner, or
a partition whose log cannot be read back, ends the process; the next one finds everything in the log.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import suppress
from functools import partial

import structlog

from connectors.carriers.registry import REGISTRY, Registry
from connectors.dispatch.batch_queue import BatchQueue
from connectors.dispatch.capacity_reporter import CapacityReporter
from connectors.dispatch.carrier_counters import CarrierCounterLog
from connectors.dispatch.carrier_pool import CarrierPool
from connectors.dispatch.code_brake import CodeBrakeLog
from connectors.dispatch.consumer_thread import ConsumerCallbacks, ConsumerThread
from connectors.dispatch.dedup_window import DedupWindow
from connectors.dispatch.health_audit import HealthAudit
from connectors.dispatch.health_reporter import HealthReporter
from connectors.dispatch.lane_handover import LaneHandover, turn_row
from connectors.dispatch.partition_assignment import AssignmentParts, PartitionAssignment
from connectors.dispatch.periodic import every, report_often
from connectors.dispatch.record_handler import RecordHandler, RecordHandlerCalls
from connectors.dispatch.record_turns import RecordTurns
from connectors.dispatch.reliable_publisher import ReliablePublisher
from connectors.dispatch.sender_factory import SenderFactory
from connectors.dispatch.stop_reasons import StopReasons
from infra.kafka.client import Cluster, Value, make_consumer
from infra.kafka.command_cache import CommandCache
from infra.kafka.offsets import end_of
from infra.kafka.outbox import Outbox
from infra.kafka.topic_admin import GROUPS
from infra.postgres.config_cache import ConfigCache
from infra.postgres.pool import Pool, open_pool
from infra.redis.carrier_capacity import CarrierCapacity
from infra.redis.client import Redis, connect
from infra.redis.settled import SettledWindow
from infra.redis.tokens import Tokens
from infra.runtime.role import RoleContext
from infra.security.keyring import load_keyring
from infra.security.sealing import Sealer
from infra.telemetry.exposition import serve_metrics
from infra.telemetry.metrics import Metrics
from schemas.records.topics import CARRIER_RECEIPTS, attempts, log_of
from schemas.values import lanes

CHANGES_SECONDS = {lanes.Pool.OTP: 0.1, lanes.Pool.BULK: 0.05}
WATCH_SECONDS = 0.2
LIVELY_SECONDS = 2.0
COMMIT_SECONDS = 0.5
SWEEP_SECONDS = 1.0
BULK_LINGER_MS = 5
READING: dict[str, Value] = {"fetch.wait.max.ms": 200}
log = structlog.get_logger()


async def run(role: RoleContext, registry: Registry = REGISTRY) -> None:
    """Run until `role.stop`. `registry`: the kinds of carriers."""
    settings = role.settings
    keyring = load_keyring(settings.keyring_path)
    database = await open_pool(settings.postgres.url.get_secret_value() if settings.postgres.url else "", size=2)
    redis = connect(settings.redis.url.get_secret_value() if settings.redis.url else "")
    cluster = settings.kafka
    config, commands = ConfigCache(database, keyring), CommandCache(cluster)
    pool = lanes.Pool(role.pool or "")
    outbox = Outbox(cluster, role.instance, linger_ms=0 if pool is lanes.Pool.OTP else BULK_LINGER_MS)
    try:
        await config.start()
        await commands.start()
        await outbox.open(
            [CARRIER_RECEIPTS, *(attempts(log_of(topic, 0)[0]) for topic in GROUPS[f"sluice-dispatch-{pool}"])]
        )
        await redis.open()
        process = Dispatch(role, pool, outbox, Sealer(keyring), config, commands, database, redis, registry)
        await process.run()
    finally:
        await commands.stop()
        await config.stop()
        await redis.close()
        await database.close()


class Dispatch:
    """One process of a pool, wired up."""

    def __init__(
        self,
        role: RoleContext,
        pool: lanes.Pool,
        outbox: Outbox,
        sealer: Sealer,
        config: ConfigCache,
        commands: CommandCache,
        database: Pool,
        redis: Redis,
        registry: Registry,
    ) -> None:
        self._role = role
        self._pool = pool
        self._outbox = outbox
        self._sealer = sealer
        self._config = config
        self._commands = commands
        capacity = CarrierCapacity(redis)
        self._capacity = CapacityReporter(capacity)
        self._window = DedupWindow(SettledWindow(redis), database)
        self._publisher = ReliablePublisher(outbox, now)
        metrics = Metrics()
        role.announced["metrics"] = serve_metrics(metrics)
        self._counter_log = CarrierCounterLog(metrics)
        self._code_brake_log = CodeBrakeLog(metrics)
        self._health_audit = HealthAudit(database, f"dispatch-{pool}", now)
        self._health = HealthReporter(capacity.health, lambda one: self._carrier_pool.lanes_of(one), metrics, now)
        self._stop_reasons = StopReasons(commands, config, self._health, now)
        self._owner = uuid.uuid4().hex
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed, self._came = asyncio.Event(), asyncio.Event()
        self._lively_until = 0.0
        self._carrier_pool = self._make_carrier_pool(Tokens(redis), registry)
        cluster, group = role.settings.kafka, f"sluice-dispatch-{pool}"
        self._assignment = self._make_assignment(cluster, group)
        self._records = RecordTurns(
            self._make_record_handler().handle, self._on_records, lambda: self._consumer_thread.batch_done()
        )
        self._consumer_thread = self._make_consumer_thread(cluster, group)
        self._assignment.consumer_thread = self._consumer_thread
        self._handover = LaneHandover(
            pool,
            partial(turn_row, database),
            self._assignment.owned_partitions,
            partial(end_of, cluster),
            self._window.flushed,
            now,
        )

    async def run(self) -> None:
        """Run until the stop; raises what cannot be mended in place."""
        await self._carrier_pool.follow(self._config.carriers)
        self._config.on_change(self._changed.set)
        self._consumer_thread.start()
        tasks: list[asyncio.Future[None]] = [
            asyncio.create_task(one)
            for one in (
                self._records.handle_own(),
                self._records.handle_shared(),
                self._follow_config(),
                self._report_ready(),
                report_often(CHANGES_SECONDS[self._pool], self._report_changes, self._lively, self._came),
                every(WATCH_SECONDS, lambda: self._health.watch(self._carrier_pool.senders)),
                every(COMMIT_SECONDS, self._commit),
                every(SWEEP_SECONDS, self._sweep),
                every(SWEEP_SECONDS, lambda: self._handover.turn(self._config.carriers)),
                every(SWEEP_SECONDS, lambda: self._health_audit.report(self._health.carriers)),
            )
        ]
        ends = [asyncio.create_task(self._stopped()), self._failure, *tasks]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in done:
                end.result()
        finally:
            for end in ends:
                end.cancel()
        await self._shut_down()

    async def _shut_down(self) -> None:
        for sender in self._carrier_pool.all_senders.values():
            sender.drain()
        await self._assignment.leave()
        for sender in self._carrier_pool.all_senders.values():
            sender.matcher.flush()
        await self._consumer_thread.stop()
        await self._carrier_pool.close(1.0)
        with suppress(TimeoutError):  # Kafka is away: what it has not taken, the next owner finds unsettled in the log
            await asyncio.wait_for(self._outbox.close(), 1.0)

    async def _stopped(self) -> None:
        await self._role.stop.wait()

    async def _report_ready(self) -> None:
        await self._assignment.ready.wait()
        self._role.ready()
        await asyncio.Event().wait()

    def _on_records(self) -> None:
        self._lively_until = asyncio.get_running_loop().time() + LIVELY_SECONDS
        self._came.set()

    async def _follow_config(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._carrier_pool.follow(self._config.carriers)

    async def _report_changes(self) -> None:
        await self._capacity.report_changes(self._queues())
        await self._window.flush()

    def _lively(self) -> bool:
        return asyncio.get_running_loop().time() < self._lively_until or any(self._queues().values())

    async def _commit(self) -> None:
        self._assignment.commit()

    async def _sweep(self) -> None:
        for carrier, sender in self._carrier_pool.all_senders.items():
            sender.sweep()
            self._counter_log.report(carrier, sender.carrier.seen())
            self._code_brake_log.report(carrier, sender.code_brake)
        self._carrier_pool.retry_unplaced()
        await self._capacity.report_all(self._queues())
        await self._health.tell()

    def _queues(self) -> dict[str, BatchQueue]:
        return {carrier: sender.queue for carrier, sender in self._carrier_pool.all_senders.items()}

    def _make_carrier_pool(self, tokens: Tokens, registry: Registry) -> CarrierPool:
        factory = SenderFactory(
            pool=self._pool,
            owner=self._owner,
            tokens=tokens,
            publisher=self._publisher,
            stop_reasons=self._stop_reasons,
            sealer=self._sealer,
            weight=self._config.weight,
            now=now,
        )
        return CarrierPool(
            self._pool,
            factory.sender,
            factory.matcher,
            registry,
            owns=lambda partition: self._assignment.owns_codes(partition),
            left=self._changed.set,
            fail=self._fail,
        )

    def _make_assignment(self, cluster: Cluster, group: str) -> PartitionAssignment:
        return PartitionAssignment(
            AssignmentParts(
                cluster=cluster,
                group=group,
                owner=self._owner,
                outbox=self._outbox,
                sealer=self._sealer,
                remember_settled=self._window.remember,
                now=now,
                senders=lambda: self._carrier_pool.all_senders.values(),
                fail=self._fail,
                strategy_of=lambda slice_: self._config.retry_strategy(slice_.tenant, slice_.profile),
                owners_changed=self._changed.set,
                let_go=self._carrier_pool.let_go,
            )
        )

    def _make_record_handler(self) -> RecordHandler:
        calls = RecordHandlerCalls(
            find_settled=self._window.find_settled,
            enqueue=self._carrier_pool.enqueue,
            dead_letter=self._publisher.dead_letter,
        )
        return RecordHandler(self._assignment.owned_partitions, calls, self._sealer, now)

    def _make_consumer_thread(self, cluster: Cluster, group: str) -> ConsumerThread:
        return ConsumerThread(
            make_consumer(cluster, group, self._role.instance, **READING),
            GROUPS[group],
            ConsumerCallbacks(
                assigned=self._assignment.assigned,
                revoked=self._assignment.revoked,
                records=self._records.put,
                failed=self._fail,
            ),
        )

    def _fail(self, fault: Exception) -> None:
        if not self._failure.done():
            self._failure.set_exception(fault)


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
