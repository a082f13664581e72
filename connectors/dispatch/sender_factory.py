"""What the sender of a carrier is made of in this process, and the matcher of its receipts.

In: a carrier's row and connection. Out: a sender with a queue of the pool's lanes and leases under this process's name; a
matcher whose receipts go to Kafka. Nothing can go wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.carriers.contract import Carrier
from connectors.dispatch.batch_queue import BatchQueue
from connectors.dispatch.carrier_sender import CarrierSender
from connectors.dispatch.connection_spec import ConnectionSpec
from connectors.dispatch.leases import Leases
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from connectors.dispatch.reliable_publisher import ReliablePublisher
from connectors.dispatch.stop_reasons import StopReasons
from infra.postgres.config_cache import CarrierRow
from infra.redis.tokens import Tokens
from infra.security.sealing import Sealer
from schemas.values.lanes import POOLS, Pool

RECEIPTS_LINGER = {Pool.OTP: 0.002, Pool.BULK: 0.01}


@dataclass(frozen=True, kw_only=True)
class SenderFactory:
    """One a process. `owner`: a name that no other process has. `now` in milliseconds."""

    pool: Pool
    owner: str
    tokens: Tokens
    publisher: ReliablePublisher
    stop_reasons: StopReasons
    sealer: Sealer
    weight: Callable[[str], float]
    now: Callable[[], int]
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def matcher(self, carrier: str) -> ReceiptMatcher:
        """Of a carrier's receipts."""

        def post(value: bytes, then: Callable[[], None]) -> None:
            self.publisher.receipts(carrier, value, then)

        unreadable = self.publisher.dead_letter_unreadable
        return ReceiptMatcher(carrier, post, unreadable, self.sealer, self.now, linger=RECEIPTS_LINGER[self.pool])

    def sender(self, row: CarrierRow, carrier: Carrier, matcher: ReceiptMatcher, spec: ConnectionSpec) -> CarrierSender:
        """Of a carrier, over this connection."""
        return CarrierSender(
            carrier,
            BatchQueue(POOLS[self.pool], self.weight, self.stop_reasons.canceled),
            matcher,
            Leases(row.id, self.tokens, lambda: f"{self.owner}:{next(self.numbers)}"),
            self.stop_reasons,
            self.now,
            rate=row.rate,
            window=spec.in_flight,
            whole=spec.sends_whole,
            narrow=row.narrow,
        )
