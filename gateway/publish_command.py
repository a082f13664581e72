"""Publishing the full state of a campaign, or of a chunk of which messages were canceled, to every role: the row first, then
the command, then `published`.

Enters: an id whose row is ahead of what was published; whose statements (`read_command`, `mark_published`) to use. Leaves:
an acknowledged `CampaignCommand`, and the row's `published` moved to its version. When somebody changes the row in between,
the newest state is published again, so that the last command of a key is always the newest. Raises 503 when Kafka does not
acknowledge; the row stays ahead, and the next call on it, or the releaser, publishes it.
"""

from __future__ import annotations

import asyncio

from gateway.http.problem import not_found, unavailable
from gateway.ingest import ANSWER_SECONDS
from infra.kafka.outbox import DeliveryError, Outbox
from infra.postgres.pool import Pool, execute, fetch_one, tenant_transaction
from infra.postgres.sql import load_sql
from schemas.records.codec import encode
from schemas.records.topics import COMMANDS
from schemas.rules.commands import CommandState, campaign_command


async def publish(
    pool: Pool,
    outbox: Outbox,
    tenant: str,
    campaign: str,
    now: int,
    traceparent: str,
    statements: str = "gateway.campaigns",
) -> None:
    """Return when the newest version of this campaign, or chunk, is published."""
    which = {"tenant": tenant, "id": campaign}
    while True:
        async with tenant_transaction(pool, tenant) as connection:
            row = await fetch_one(connection, load_sql(statements, "read_command"), which)
        if row is None:
            raise not_found("campaign")
        published, state = row[0], CommandState(*row[1:])
        if published >= state.version:
            return
        command = campaign_command(tenant, campaign, state, now)
        try:
            await asyncio.wait_for(
                outbox.send(
                    COMMANDS,
                    campaign.encode(),
                    encode(command),
                    (("x-from", b"gateway"), ("traceparent", traceparent.encode())),
                ),
                ANSWER_SECONDS,
            )
        except (TimeoutError, DeliveryError) as fault:
            raise unavailable("kafka_unavailable", f"Kafka has not acknowledged it: {fault or 'time is up'}") from None
        async with tenant_transaction(pool, tenant) as connection:
            await execute(connection, load_sql(statements, "mark_published"), which | {"version": state.version})
