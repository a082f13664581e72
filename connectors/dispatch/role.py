"""The role `dispatch`: what intake has admitted goes out to the carriers, and every call of a carrier is written down.

In: `dispatch-<lane>` (pool otp: otp, then transactional; pool bulk: marketing), `campaign-commands`, the carriers' rows.
Out: `attempts-<lane>`, `carrier-receipts`, `dead-letter`. Guarantee: a message is started only after that is noted and while
nobody newer owns its partition; marketing at most once, the urgent lanes once more when nobody knows. Away PostgreSQL: the
known carriers go on (marketing waits where only PostgreSQL can tell); away Redis: slower; away Kafka: nothing is started. A
newer owner, or a partition whose past cannot be read, ends the process; the next one finds everything in the log.
"""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from connectors.carriers.contract import Carrier
from connectors.carriers.registry import REGISTRY, Registry
from connectors.dispatch.batch_queue import BatchQueue
from connectors.dispatch.capacity_reporter import CapacityReporter
from connectors.dispatch.carrier_notices import CarrierSights
from connectors.dispatch.carrier_pool import CarrierPool
from connectors.dispatch.carrier_sender import CarrierSender
from connectors.dispatch.consumer_thread import ConsumerCallbacks, ConsumerThread
from connectors.dispatch.dedup_window import DedupWindow
from connectors.dispatch.intake import Intake, IntakeCalls
from connectors.dispatch.leases import Leases
from connectors.dispatch.partition_assignment import AssignmentParts, PartitionAssignment
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from connectors.dispatch.reliable_publisher import ReliablePublisher
from connectors.dispatch.send_batch import SendBatch
from connectors.dispatch.wiring import Wiring
from infra.kafka.client import make_consumer
from infra.kafka.command_cache import CommandCache
from infra.kafka.outbox import Outbox
from infra.kafka.records import ConsumerRecord
from infra.postgres.config_cache import CarrierRow, ConfigCache
from infra.postgres.pool import Pool, open_pool
from infra.redis.carrier_capacity import CarrierCapacity
from infra.redis.client import Redis, connect
from infra.redis.settled import SettledWindow
from infra.redis.tokens import Tokens
from infra.runtime.role import RoleContext
from infra.security.keyring import load_keyring
from infra.security.sealing import Sealer
from schemas.records.topics import dispatch
from schemas.rules.may_go import reason_to_end
from schemas.values import lanes
from schemas.values.reasons import Reason

CHANGES_SECONDS = 0.05
COMMIT_SECONDS = 0.5
SWEEP_SECONDS = 1.0
BULK_LINGER_MS = 5
RECEIPTS_LINGER = {lanes.Pool.OTP: 0.002, lanes.Pool.BULK: 0.01}
log = structlog.get_logger()


async def run(role: RoleContext, registry: Registry = REGISTRY) -> None:
    """The role: until `role.stop`. `registry`: the kinds of carriers."""
    settings = role.settings
    keyring = load_keyring(settings.keyring_path)
    database = await open_pool(settings.postgres.url.get_secret_value() if settings.postgres.url else "", size=2)
    redis = connect(settings.redis.url.get_secret_value() if settings.redis.url else "")
    bootstrap = settings.kafka.bootstrap or ""
    config, commands = ConfigCache(database, keyring), CommandCache(bootstrap)
    pool = lanes.Pool(role.pool or "")
    outbox = Outbox(bootstrap, role.instance, linger_ms=0 if pool is lanes.Pool.OTP else BULK_LINGER_MS)
    try:
        await config.start()
        await commands.start()
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
        self._tokens = Tokens(redis)
        self._capacity = CapacityReporter(CarrierCapacity(redis))
        self._window = DedupWindow(SettledWindow(redis), database)
        self._publisher = ReliablePublisher(outbox, now)
        self._sights = CarrierSights()
        self._owner = uuid.uuid4().hex
        self._numbers = itertools.count()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._batches: asyncio.Queue[list[ConsumerRecord]] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._carrier_pool = CarrierPool(pool, self._make_sender, self._make_matcher, registry)
        bootstrap, group = role.settings.kafka.bootstrap or "", f"sluice-dispatch-{pool}"
        self._estate = PartitionAssignment(
            AssignmentParts(
                bootstrap=bootstrap,
                group=group,
                owner=self._owner,
                outbox=outbox,
                sealer=sealer,
                note=self._window.note,
                now=now,
                senders=lambda: self._carrier_pool.senders.values(),
                fail=self._fail,
            )
        )
        self._intake = Intake(
            self._estate.owned_partitions,
            IntakeCalls(done=self._window.done, place=self._carrier_pool.place, dead_letter=self._publisher.dead_letter),
            sealer,
            now,
        )
        consumer = make_consumer(bootstrap, group, role.instance)
        self._consumer_thread = self._estate.consumer_thread = ConsumerThread(
            consumer,
            [dispatch(lane) for lane in lanes.POOLS[pool]],
            ConsumerCallbacks(
                assigned=self._estate.assigned,
                revoked=self._estate.revoked,
                batch=self._batches.put_nowait,
                failed=self._fail,
            ),
        )

    async def run(self) -> None:
        """Until the stop; raises what cannot be mended in place."""
        await self._carrier_pool.follow(self._config.carriers)
        self._config.on_change(self._changed.set)
        self._consumer_thread.start()
        tasks: list[asyncio.Future[None]] = [
            asyncio.create_task(one)
            for one in (
                self._take_in(),
                self._follow(),
                self._ready(),
                every(CHANGES_SECONDS, self._tell_changes),
                every(COMMIT_SECONDS, self._commit),
                every(SWEEP_SECONDS, self._sweep),
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
        await self._leave()

    async def _leave(self) -> None:
        for sender in self._carrier_pool.senders.values():
            sender.drain()
        await self._estate.leave()
        for sender in self._carrier_pool.senders.values():
            sender.matcher.flush()
        await self._consumer_thread.stop()
        await self._carrier_pool.close(1.0)
        with suppress(TimeoutError):  # Kafka is away: what it has not taken, the next owner finds unsettled in the log
            await asyncio.wait_for(self._outbox.close(), 1.0)

    async def _stopped(self) -> None:
        await self._role.stop.wait()

    async def _ready(self) -> None:
        await self._estate.settled.wait()
        self._role.ready()
        await asyncio.Event().wait()

    async def _take_in(self) -> None:
        while True:
            batch = await self._batches.get()
            await self._intake.take(batch)
            self._consumer_thread.batch_done()

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._carrier_pool.follow(self._config.carriers)

    async def _tell_changes(self) -> None:
        await self._capacity.tell_changes(self._queues())
        await self._window.flush()

    async def _commit(self) -> None:
        self._estate.commit()

    async def _sweep(self) -> None:
        for carrier, sender in self._carrier_pool.senders.items():
            sender.sweep()
            self._sights.look(carrier, sender.carrier.seen())
        self._carrier_pool.place_again()
        await self._capacity.tell_all(self._queues())

    def _queues(self) -> dict[str, BatchQueue]:
        return {carrier: sender.queue for carrier, sender in self._carrier_pool.senders.items()}

    def _make_matcher(self, carrier: str) -> ReceiptMatcher:
        def post(value: bytes, then: Callable[[], None]) -> None:
            self._publisher.receipts(carrier, value, then)

        return ReceiptMatcher(
            carrier, post, self._publisher.dead_letter_unreadable, self._sealer, now, linger=RECEIPTS_LINGER[self._pool]
        )

    def _make_sender(self, row: CarrierRow, carrier: Carrier, matcher: ReceiptMatcher, wiring: Wiring) -> CarrierSender:
        leases = Leases(row.id, self._tokens, lambda: f"{self._owner}:{next(self._numbers)}")
        return CarrierSender(
            carrier,
            BatchQueue(lanes.POOLS[self._pool]),
            matcher,
            leases,
            self._over,
            now,
            rate=row.rate,
            window=wiring.in_flight,
            whole=wiring.sends_whole,
        )

    def _over(self, load: SendBatch) -> Reason | None:
        """Why nothing more of this load may be started."""
        campaign = load.slice.campaign
        return reason_to_end(load.slice, None if campaign is None else self._commands.get(campaign), now())

    def _fail(self, fault: Exception) -> None:
        if not self._failure.done():
            self._failure.set_exception(fault)


async def every(seconds: float, do: Callable[[], Awaitable[None]]) -> None:
    """Again and again, until canceled."""
    while True:
        await asyncio.sleep(seconds)
        await do()


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
