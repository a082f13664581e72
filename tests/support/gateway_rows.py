"""What sinks would write of a campaign, put into the gateway's database at once; and how it is read back."""

from __future__ import annotations

from array import array
from typing import Any

import psycopg
from aiohttp import ClientSession

from schemas.records.slice import Slice
from schemas.values.status import STATUSES, Status, sequence
from tests.support.gateway_env import GatewayEnv, slices_of

NUMBERS = [f"+4915112{n:06d}" for n in range(7)]


class Sinks:
    """Writes what the sinks would write."""

    def __init__(self, env: GatewayEnv, connection: psycopg.Connection[Any]) -> None:
        self._place, self._connection, self._sealer = env, connection, env.sealer()

    def payload(self, slice_: Slice) -> None:
        columns = self._sealer.open(slice_)
        self._connection.execute(
            "INSERT INTO chunk_payloads (tenant, chunk, campaign, part, size, lane, sender, body, smart, version,"
            " grouping, digest, accepted_at, due_at, expires_at, indexes, key_id, sealed, to_hashes, ref_hashes)"
            " VALUES (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s)",
            (
                slice_.tenant,
                slice_.chunk,
                slice_.campaign,
                slice_.part,
                slice_.size,
                slice_.lane,
                slice_.sender,
                slice_.body,
                slice_.smart,
                slice_.version,
                slice_.grouping,
                slice_.digest,
                slice_.accepted_at,
                slice_.due_at,
                slice_.expires_at,
                slice_.indexes,
                slice_.key_id,
                slice_.sealed,
                array("q", self._sealer.hash_destinations(columns.to)).tolist(),
                [None if ref is None else self._sealer.hash_ref(ref) for ref in columns.refs] if columns.refs else None,
            ),
        )

    def states(self, slice_: Slice, states: list[Status]) -> None:
        at = slice_.accepted_at // 1000 + 5
        self._connection.execute(
            "INSERT INTO chunks (tenant, chunk, campaign, part, size, lane, sequences, reasons, seconds, carriers,"
            " segments, price, updated_at) VALUES (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s)",
            (
                slice_.tenant,
                slice_.chunk,
                slice_.campaign,
                slice_.part,
                slice_.size,
                slice_.lane,
                [sequence(1, state) for state in states],
                [60 if s is Status.FAILED else 0 for s in states],
                [at] * len(states),
                [1] * len(states),
                [1] * len(states),
                700,
                at,
            ),
        )

    def reserve(self, slice_: Slice, round_: int, *, charged: bytes) -> None:
        """A send of one segment each, reserved and charged for those in the bitmap."""
        everyone = slice_.positions.to_bytes(-(-slice_.size // 8), "little")
        self._connection.execute(
            "INSERT INTO reservations (tenant, chunk, round, campaign, price, positions, segments, amount, charged, at)"
            " VALUES (%s, %s, %s, %s, 700, %s, %s, 0, %s, 0)",
            (slice_.tenant, slice_.chunk, round_, slice_.campaign, everyone, b"\1" * slice_.size, charged),
        )

    def counts(self, slice_: Slice, counts: dict[Status, int]) -> None:
        self._connection.execute(
            "INSERT INTO campaign_counts VALUES (%s, %s, 0, %s, 0) ON CONFLICT (tenant, campaign, partition)"
            " DO UPDATE SET counts = EXCLUDED.counts",
            (slice_.tenant, slice_.campaign, [counts.get(status, 0) for status in STATUSES]),
        )


async def get(client: ClientSession, path: str, **params: str) -> Any:
    async with client.get(path, params=params) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def make(client: ClientSession, env: GatewayEnv, **more: Any) -> tuple[str, Slice]:
    body = {
        "name": "Sale",
        "from": "Shop",
        "body": "Hi",
        "recipients": [{"to": number, "client_ref": f"ref{n}"} for n, number in enumerate(NUMBERS)],
    } | more
    async with client.post("/v1/campaigns", json=body) as response:
        identity = (await response.json())["id"]
    return identity, next(
        s for _, s in slices_of(env.settings.kafka.bootstrap or "", "ingest-marketing") if s.campaign == identity
    )
