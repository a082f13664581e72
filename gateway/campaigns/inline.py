"""A campaign from its request: screened, cut, handed to Kafka, and only then a row.

Enters: a `CampaignRequest` under the id it will have. Leaves: the answer, after Kafka has acknowledged the chunks and the
command and PostgreSQL has the row with its part 0. A gateway that dies on the way leaves chunks of a part that nobody
lists, which count for nothing. Refused: 422 with pointers, 403, 402 when not one recipient can be paid; 503 when Kafka or
PostgreSQL is away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
from aiohttp import web

from gateway.auth.accounts import Account
from gateway.auth.permissions import check_balance, check_price, check_sender, check_stopped
from gateway.balance.queries import read_balance
from gateway.campaigns.rows import CampaignRow, PartRow
from gateway.campaigns.schedules import Schedule, start_of, window_of
from gateway.campaigns.store import CampaignStore
from gateway.campaigns.types import (
    DEFAULT_LANE,
    MAX_INLINE,
    MAX_NAMES,
    CampaignAccepted,
    CampaignRequest,
    Estimate,
    too_many_recipients,
)
from gateway.carrier_routes import GROUPING, Routes
from gateway.http.loop_scheduler import LoopScheduler
from gateway.http.problem import Problem, refusal, refused
from gateway.http.texts import bad_text
from gateway.ingest import Ingest
from gateway.profiles import Terms, terms_of
from gateway.publish_command import publish
from gateway.screening.chunker import Chunker, ChunkPlan
from gateway.screening.screening import Totals, screen_all, screening_of
from gateway.screening.types import Rejection
from infra.kafka.outbox import Outbox
from infra.postgres.pool import Pool
from infra.security.sealing import Sealer
from infra.telemetry.metrics import Metrics
from schemas.records.slice import Slice
from schemas.rules.stops import Stop
from schemas.values.campaign_status import CampaignStatus
from schemas.values.ids import CampaignId
from schemas.values.money import format_amount, parse_amount
from schemas.values.profile import Profile
from schemas.values.template import compile_template
from schemas.values.window import Window

FIRST_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignMaker:
    """What it takes to make a campaign. `text_characters`: of all texts of one request; `refused_stops`: the emergency stops
    whose messages are refused rather than kept."""

    pool: Pool
    outbox: Outbox
    ingest: Ingest
    sealer: Sealer
    scheduler: LoopScheduler
    metrics: Metrics
    text_characters: int
    refused_stops: Callable[[], frozenset[Stop]]
    profiles: Callable[[], Mapping[str, Profile]]

    def check(self, account: Account, wanted: CampaignRequest) -> Terms:
        """What can be said without looking at the recipients; the terms that it is sent under."""
        terms = terms_of(self.profiles(), account, wanted, DEFAULT_LANE)
        check_campaign(account, wanted, terms)
        return terms

    async def make(
        self,
        account: Account,
        routes: Routes,
        wanted: CampaignRequest,
        identity: CampaignId,
        *,
        digest: bytes,
        now: int,
        traceparent: str,
    ) -> CampaignAccepted:
        """The answer to POST /v1/campaigns."""
        terms = self.check(account, wanted)
        check_stopped(self.refused_stops(), account, wanted.sender)
        schedule = wanted.schedule or Schedule()
        start_at, window = (
            start_of(schedule.start_at, now, "/schedule/start_at"),
            window_of(schedule.window, "/schedule/window"),
        )
        totals, chunks, rejected = await self._screen(routes, wanted, plan_of(account, wanted, terms, identity, now))
        check_price(_limit(wanted), totals.price)
        money = await read_balance(self.pool, account.tenant)
        check_balance(money.available if money else 0, totals.cheapest or 0)
        if chunks:
            await self.ingest.put_chunks(chunks, traceparent)
        accepted = CampaignAccepted(
            id=identity,
            status=_first_status(wanted, start_at, now),
            accepted=totals.accepted,
            rejected=rejected,
            estimate=Estimate(segments=totals.segments, price=format_amount(totals.price)),
        )
        part = (
            PartRow(
                part=0,
                chunks=len(chunks),
                recipients=totals.accepted,
                price=totals.price,
                rejected_count=totals.rejected,
                rejected=rejected,
                digest=digest,
                rejections=rejected,
            )
            if wanted.recipients
            else None
        )
        row = _row(account, wanted, terms, accepted, digest, now, start_at, window)
        if not await CampaignStore(self.pool).make(row, part):
            raise Problem(
                409, "request_running", "the same campaign is being made by another request", headers={"Retry-After": "1"}
            )
        await publish(self.pool, self.outbox, account.tenant, identity, now, traceparent)
        self._count(terms.lane, totals.accepted, rejected)
        return accepted

    async def _screen(
        self, routes: Routes, wanted: CampaignRequest, plan: ChunkPlan
    ) -> tuple[Totals, list[Slice], list[Rejection]]:
        """Totals, chunks and verdicts of the inline recipients."""
        chunker = Chunker(plan, self.sealer)
        rejected: list[Rejection] = []
        screening = screening_of(
            wanted.body, wanted.smart_encoding, routes, chunker.append, lambda rejection: rejected.append(inline(rejection))
        )
        await self.scheduler.run(screen_all(screening, wanted.recipients, self.text_characters), plan.tenant)
        chunker.finish()
        return screening.totals, chunker.pop_finished(), rejected

    def _count(self, lane: str, accepted: int, rejected: list[Rejection]) -> None:
        self.metrics.count("sluice_accepted_messages_total", lane, by=accepted)
        for rejection in rejected:
            self.metrics.count("sluice_refused_recipients_total", rejection.code)


CAMPAIGN_MAKER: web.AppKey[CampaignMaker] = web.AppKey("campaign_maker", CampaignMaker)


def check_campaign(account: Account, wanted: CampaignRequest, terms: Terms) -> None:
    """Sender, lane, text, the number of recipients."""
    check_sender(account, wanted.sender, terms.lane)
    bad = [bad_text(pointer) for pointer, text in (("/name", wanted.name), ("/body", wanted.body)) if "\0" in text]
    if bad:
        raise refused(bad)
    if len(set(compile_template(wanted.body).names)) > MAX_NAMES:
        raise refusal("/body", "too_many_placeholders", f"a body has at most {MAX_NAMES} different placeholders")
    if len(wanted.recipients) > MAX_INLINE:
        raise too_many_recipients()
    if not wanted.recipients and not wanted.open:
        raise refusal("/recipients", "no_recipients", "a campaign has recipients, or is open for their upload")


def inline(rejection: Rejection) -> Rejection:
    """The rejection with its pointer into the whole body."""
    place = f"/recipients/{rejection.index}"
    also = [msgspec.structs.replace(fault, pointer=place + fault.pointer) for fault in rejection.also]
    return msgspec.structs.replace(rejection, pointer=place + rejection.pointer, also=also)


def plan_of(account: Account, wanted: CampaignRequest, terms: Terms, identity: CampaignId, now: int) -> ChunkPlan:
    """What the chunks of the inline recipients share."""
    return ChunkPlan(
        tenant=account.tenant,
        campaign=identity,
        part=0,
        lane=terms.lane,
        sender=wanted.sender,
        body=wanted.body,
        smart=wanted.smart_encoding,
        version=FIRST_VERSION,
        accepted_at=now,
        expires_at=now + terms.validity_seconds * 1000,
        profile=terms.profile,
        names=compile_template(wanted.body).names,
    )


def _limit(wanted: CampaignRequest) -> int | None:
    return None if wanted.max_price is None else parse_amount(wanted.max_price)


def _first_status(wanted: CampaignRequest, start_at: int | None, now: int) -> CampaignStatus:
    if wanted.open:
        return CampaignStatus.DRAFT
    return CampaignStatus.SCHEDULED if start_at is not None and start_at > now else CampaignStatus.RUNNING


def _row(
    account: Account,
    wanted: CampaignRequest,
    terms: Terms,
    accepted: CampaignAccepted,
    digest: bytes,
    now: int,
    start_at: int | None,
    window: Window | None,
) -> CampaignRow:
    return CampaignRow(
        tenant=account.tenant,
        id=accepted.id,
        name=wanted.name,
        sender=wanted.sender,
        body=wanted.body,
        lane=terms.lane,
        profile=terms.profile,
        smart=wanted.smart_encoding,
        validity_seconds=terms.validity_seconds,
        max_price=_limit(wanted),
        status=CampaignStatus.DRAFT if wanted.open else CampaignStatus.RUNNING,
        grouping=GROUPING,
        digest=digest,
        answer=accepted,
        at=now,
        start_at=start_at,
        window=window,
    )
