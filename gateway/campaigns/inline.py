"""A campaign from its request: screened, cut, handed to Kafka, and only then a row.

Enters: a `CampaignRequest` under the id it will have. Leaves: the answer, after Kafka has acknowledged the chunks and the
command and PostgreSQL has the row with its part 0. A gateway that dies on the way leaves chunks of a part that nobody
lists, which count for nothing. Refused: 422 with pointers, 403, 402 when not one recipient can be paid; 503 when Kafka or
PostgreSQL is away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from gateway.answers import CampaignAccepted, Estimate, Rejection
from gateway.auth.accounts import Account
from gateway.auth.permissions import check_balance, check_price, check_sender
from gateway.campaigns.commands import publish
from gateway.campaigns.store import CampaignRow, CampaignStore, PartRow
from gateway.carrier_routes import GROUPING, Routes
from gateway.http.problem import Problem, refusal, refused
from gateway.http.texts import bad_text
from gateway.recipients.lines import AT_ONCE
from gateway.requests import MAX_INLINE, MAX_NAMES, CampaignRequest, Recipient, too_many_recipients
from gateway.screening.chunker import Chunker, ChunkPlan
from gateway.screening.screening import Keep, Refuse, Screening
from gateway.state import Gateway
from infra.postgres.pool import fetch_one, tenant_transaction
from infra.postgres.sql import load_sql
from schemas.values.ids import CampaignId
from schemas.values.money import format_amount, parse_amount
from schemas.values.template import compile_template
from schemas.values.text import TextError

FIRST_VERSION = 1


async def make_campaign(gateway: Gateway, account: Account, wanted: CampaignRequest, identity: CampaignId,
                        digest: bytes, traceparent: str) -> CampaignAccepted:
    """The answer to POST /v1/campaigns."""
    check_campaign(account, wanted)
    now = gateway.now()
    cutter = Chunker(plan_of(account, wanted, identity, now), gateway.sealer)
    rejected: list[Rejection] = []
    screening = screen(wanted.body, wanted.smart_encoding, gateway.accounts.routes, cutter.add,
                       lambda rejection: rejected.append(inline(rejection)))
    await gateway.bounds.turns.finish(screen_all(screening, wanted.recipients, gateway.bounds.text_characters))
    cutter.finish()
    totals = screening.totals
    check_price(_limit(wanted), totals.price)
    check_balance(await _available(gateway, account.tenant), totals.cheapest or 0)
    chunks = cutter.take()
    if chunks:
        await gateway.ingest.put_chunks(chunks, traceparent)
    accepted = CampaignAccepted(
        id=identity, status="draft" if wanted.open else "running", accepted=totals.accepted, rejected=rejected,
        estimate=Estimate(segments=totals.segments, price=format_amount(totals.price)))
    part = PartRow(part=0, chunks=len(chunks), recipients=totals.accepted, price=totals.price,
                   rejected_count=totals.rejected, rejected=rejected, digest=digest,
                   rejections=rejected) if wanted.recipients else None
    row = _row(account, wanted, accepted, digest, now)
    if not await CampaignStore(gateway.pool).make(row, part):
        raise Problem(409, "request_running", "the same campaign is being made by another request",
                      headers={"Retry-After": "1"})
    await publish(gateway.pool, gateway.outbox, account.tenant, identity, now, traceparent)
    _count(gateway, wanted.lane, totals.accepted, rejected)
    return accepted


def check_campaign(account: Account, wanted: CampaignRequest) -> None:
    """What can be said without looking at the recipients."""
    check_sender(account, wanted.sender, wanted.lane)
    bad = [bad_text(pointer) for pointer, text in (("/name", wanted.name), ("/body", wanted.body)) if "\0" in text]
    if bad:
        raise refused(bad)
    if len(set(compile_template(wanted.body).names)) > MAX_NAMES:
        raise refusal("/body", "too_many_placeholders", f"a body has at most {MAX_NAMES} different placeholders")
    if len(wanted.recipients) > MAX_INLINE:
        raise too_many_recipients()
    if not wanted.recipients and not wanted.open:
        raise refusal("/recipients", "no_recipients", "a campaign has recipients, or is open for their upload")


def screen(body: str, smart: bool, routes: Routes, keep: Keep, refuse: Refuse) -> Screening:
    """The screening for this body; 422 when it cannot be sent to anybody."""
    try:
        return Screening(body, smart, routes, keep, refuse)
    except TextError as fault:
        raise refusal("/body", fault.code, fault.detail) from None


def screen_all(screening: Screening, recipients: Sequence[Recipient], characters: int) -> Iterator[None]:
    """Look at all recipients of a request; others may have their turn after each step. 422 for more than so many
    `characters` of texts."""
    for first in range(0, len(recipients), AT_ONCE):
        yield from screening.steps(first, recipients[first:first + AT_ONCE])
        if screening.totals.characters > characters:
            raise refusal("/recipients", "too_much_text", f"the texts of one request have at most {characters} characters "
                          "together where they differ; open the campaign and upload the recipients")
        yield


def inline(rejection: Rejection) -> Rejection:
    """The rejection with its pointer into the whole body."""
    return msgspec.structs.replace(rejection, pointer=f"/recipients/{rejection.index}{rejection.pointer}")


def plan_of(account: Account, wanted: CampaignRequest, identity: CampaignId, now: int) -> ChunkPlan:
    """What the chunks of the inline recipients share."""
    return ChunkPlan(tenant=account.tenant, campaign=identity, part=0, lane=wanted.lane, sender=wanted.sender,
                     body=wanted.body, smart=wanted.smart_encoding, version=FIRST_VERSION, accepted_at=now,
                     expires_at=now + int(wanted.validity_seconds) * 1000, names=compile_template(wanted.body).names)


def _limit(wanted: CampaignRequest) -> int | None:
    return None if wanted.max_price is None else parse_amount(wanted.max_price)


async def _available(gateway: Gateway, tenant: str) -> int:
    async with tenant_transaction(gateway.pool, tenant) as connection:
        row = await fetch_one(connection, load_sql("gateway.balance", "read_balance"), {"tenant": tenant})
    return int(row[0] - row[1]) if row else 0


def _row(account: Account, wanted: CampaignRequest, accepted: CampaignAccepted, digest: bytes, now: int) -> CampaignRow:
    return CampaignRow(
        tenant=account.tenant, id=accepted.id, name=wanted.name, sender=wanted.sender, body=wanted.body,
        lane=wanted.lane, smart=wanted.smart_encoding, validity_seconds=int(wanted.validity_seconds),
        max_price=_limit(wanted), status=accepted.status, grouping=GROUPING, digest=digest, answer=accepted, at=now)


def _count(gateway: Gateway, lane: str, accepted: int, rejected: list[Rejection]) -> None:
    gateway.metrics.count("sluice_accepted_messages_total", lane, by=accepted)
    for rejection in rejected:
        gateway.metrics.count("sluice_refused_recipients_total", rejection.code)
