"""An upload: its bytes to a file, then lines or rows to chunks to Kafka, then one row that makes it count.

Enters: a stream of any size for a part of a draft. Leaves: the part's verdicts. Memory: eight bytes a recipient for exact
duplicates, and a constant. The bytes are received whole before anything is produced, so that an upload that breaks off
leaves no chunk behind under ids that other bytes may get; their digest is noted in Redis for the same reason, should this
process end between the chunks and the row. A part of a campaign with a `max_price` is gone through twice, so that one that
is too dear leaves no chunk either, unless another part took the room in the meantime. Refused: 401 when the key was revoked
while the bytes came, 408 when they drip, 413 beyond the largest upload, 429 and 503 when there is no room for their file,
409 when the campaign is no draft, 422 for other bytes, or another content type, under the number of a known part, for a CSV
header that cannot be used, and for a part that would bring the campaign above its `max_price`.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import IO, Protocol

from aiohttp import StreamReader, web

from gateway.auth.accounts import Account, Accounts
from gateway.campaigns.rows import PartRow, StoredCampaign, StoredPart
from gateway.campaigns.store import CampaignStore, not_applicable
from gateway.carrier_routes import Routes
from gateway.http.body import IDLE_SECONDS, slow_body, too_large
from gateway.http.limits import Limits
from gateway.http.loop_scheduler import LoopScheduler
from gateway.http.problem import Problem, unauthorized
from gateway.http.quota import Reservation
from gateway.ingest import Ingest
from gateway.recipients.chunk_sender import ChunkSender
from gateway.recipients.lines import Entries, read_recipients
from gateway.recipients.part_rejections import PartRejections
from gateway.recipients.rows import read_rows
from gateway.recipients.types import PartAccepted
from gateway.redis_batches import RedisBatches, RedisDown
from gateway.screening.chunker import Chunker, ChunkPlan
from gateway.screening.screening import screening_of
from infra.redis.client import load_script
from infra.security.sealing import Sealer
from infra.telemetry.metrics import Metrics
from schemas.values.campaign_status import CampaignStatus
from schemas.values.ids import CampaignId
from schemas.values.template import compile_template

IN_MEMORY = 4 * 1024 * 1024
LEAST_RATE = 1024
"""Bytes a second that an upload brings on the whole, beginning after the grace."""
GRACE_SECONDS = 30.0
KEPT_MS = 24 * 3600 * 1000
NDJSON = "application/x-ndjson"
CSV = "text/csv"
READERS: Mapping[str, Callable[[IO[bytes]], Iterator[Entries]]] = {NDJSON: read_recipients, CSV: read_rows}
"""Content types of an upload; a reader that refuses the whole part does so when it is called."""


class ByteSource(Protocol):
    """Where the bytes of an upload come from."""

    async def readany(self) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One part on its way in. `content`: a key of `READERS`."""

    tenant: str
    campaign: CampaignId
    part: int
    content: str
    traceparent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadReceiver:
    """What it takes to receive parts. `spool_dir`: where their bytes wait that are too many for memory."""

    store: CampaignStore
    accounts: Accounts
    ingest: Ingest
    redis: RedisBatches
    sealer: Sealer
    scheduler: LoopScheduler
    limits: Limits
    metrics: Metrics
    spool_dir: Path

    async def receive(
        self, content: StreamReader, size: int | None, account: Account, upload: Upload, now: Callable[[], int]
    ) -> tuple[PartAccepted, bool]:
        """The part's answer, and whether it is one given before. `size`: as the client announced it."""
        campaign = await self.store.read(upload.tenant, upload.campaign)
        listed = await self.store.find_part(upload.tenant, upload.campaign, upload.part)
        if listed is None and campaign.status != CampaignStatus.DRAFT:
            raise not_applicable("recipients", campaign.status)
        with self.spool() as spool, self.limits.spool.reservation(upload.tenant) as reservation:
            digest = await receive_bytes(content, size, self.limits, upload.content, spool, reservation)
            if not self.accounts.in_force(account):
                raise unauthorized()
            # What is kept of the bytes must not tell which they were to somebody who can guess them.
            digest = self.sealer.hash_request(digest)
            if listed is not None:
                return _repeat(upload, listed, digest), True
            # Before the digest is noted: a part that is refused whole may come again, mended, under its number.
            blocks = READERS[upload.content](spool)
            routes = self.accounts.routes
            if campaign.max_price is not None:
                price = await _price(self.scheduler, campaign, upload.tenant, routes, blocks)
                await self.store.check_price(upload.tenant, upload.campaign, campaign.max_price, upload.part, price)
                spool.seek(0)
                blocks = READERS[upload.content](spool)
            await self._note(upload, digest)
            return await self._process(campaign, upload, routes, blocks, digest, now())

    async def _note(self, upload: Upload, digest: bytes) -> None:
        """Remember which bytes this part has, before any chunk of it exists."""
        keys = ["idempotency:epoch", f"part:{upload.tenant}:{upload.campaign}:{upload.part}"]
        try:
            [verdict] = await self.redis.run(load_script("gateway.idempotency", "begin"), keys, [0, KEPT_MS, digest])
        except RedisDown:
            self.metrics.count("sluice_dependency_failures_total", "redis")
            return
        if verdict[0] == b"other":
            raise other_bytes(upload.part)

    async def _process(
        self, campaign: StoredCampaign, upload: Upload, routes: Routes, blocks: Iterator[Entries], digest: bytes, now: int
    ) -> tuple[PartAccepted, bool]:
        chunker = Chunker(_plan(campaign, upload, now), self.sealer)
        with self.spool() as refused:
            rejections = PartRejections(refused)
            screening = screening_of(campaign.body, campaign.smart, routes, chunker.append, rejections.record)
            sender = ChunkSender(self.ingest, upload.traceparent)
            index = 0
            while (entries := await self.scheduler.next_of(blocks, upload.tenant)) is not None:
                await self.scheduler.run(screening.steps(index, entries), upload.tenant)
                index += len(entries)
                await sender.send(chunker.pop_finished())
            chunker.finish()
            await sender.finish(chunker.pop_finished())
            totals = screening.totals
            part = PartRow(
                part=upload.part,
                chunks=chunker.chunks,
                recipients=totals.accepted,
                price=totals.price,
                rejected_count=totals.rejected,
                rejected=rejections.first,
                digest=digest,
                rejections=rejections,
            )
            listed = await self.store.list_part(upload.tenant, upload.campaign, part, now)
        if listed is not None:
            return _repeat(upload, listed, digest), True
        self.metrics.count("sluice_accepted_messages_total", campaign.lane, by=totals.accepted)
        for code, number in rejections.codes.items():
            self.metrics.count("sluice_refused_recipients_total", code, by=number)
        return PartAccepted(
            part=upload.part, accepted=totals.accepted, rejected_count=totals.rejected, rejected=rejections.first
        ), False

    def spool(self) -> tempfile.SpooledTemporaryFile[bytes]:
        """A file for bytes that are too many for memory; it is gone when it is closed."""
        self.spool_dir.mkdir(parents=True, exist_ok=True)
        return tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(self.spool_dir))


UPLOADS: web.AppKey[UploadReceiver] = web.AppKey("uploads", UploadReceiver)


async def receive_bytes(
    source: ByteSource, announced: int | None, limits: Limits, content: str, spool: IO[bytes], reservation: Reservation
) -> bytes:
    """The whole body into the file; its digest, which is another one for the same bytes read as another `content`."""
    digest = blake2b(digest_size=16, person=b"" if content == NDJSON else content.encode())
    if (announced or 0) > limits.upload_bytes:
        raise too_large(limits.upload_bytes)
    now = asyncio.get_running_loop().time
    begun, size = now(), 0
    try:
        async with asyncio.timeout_at(patience_ends(begun, begun, 0, limits.upload_seconds)) as patience:
            while block := await source.readany():
                size += len(block)
                if size > limits.upload_bytes:
                    raise too_large(limits.upload_bytes)
                reservation.grow(len(block))
                digest.update(block)
                spool.write(block)
                patience.reschedule(patience_ends(begun, now(), size, limits.upload_seconds))
    except TimeoutError:
        raise slow_body() from None
    spool.seek(0)
    return digest.digest()


def patience_ends(begun: float, now: float, size: int, longest: float) -> float:
    """When an upload of which so many bytes have come is given up: nothing for a while, too little on the whole, or the
    longest that one may take."""
    return min(now + IDLE_SECONDS, begun + GRACE_SECONDS + size / LEAST_RATE, begun + longest)


async def _price(
    scheduler: LoopScheduler, campaign: StoredCampaign, tenant: str, routes: Routes, blocks: Iterator[Entries]
) -> int:
    """What this part would cost."""
    screening = screening_of(campaign.body, campaign.smart, routes, lambda *_: None, lambda _: None)
    index = 0
    while (entries := await scheduler.next_of(blocks, tenant)) is not None:
        await scheduler.run(screening.steps(index, entries), tenant)
        index += len(entries)
        # Others have their turn between two blocks of lines.
        await asyncio.sleep(0)
    return screening.totals.price


def _repeat(upload: Upload, listed: StoredPart, digest: bytes) -> PartAccepted:
    if listed.digest != digest:
        raise other_bytes(upload.part)
    return PartAccepted(
        part=upload.part, accepted=listed.recipients, rejected_count=listed.rejected_count, rejected=listed.rejected
    )


def other_bytes(part: int) -> Problem:
    """422."""
    return Problem(422, "part_conflict", f"part {part} has been uploaded with other bytes")


def _plan(campaign: StoredCampaign, upload: Upload, now: int) -> ChunkPlan:
    return ChunkPlan(
        tenant=upload.tenant,
        campaign=upload.campaign,
        part=upload.part,
        lane=campaign.lane,
        sender=campaign.sender,
        body=campaign.body,
        smart=campaign.smart,
        version=campaign.published,
        accepted_at=now,
        expires_at=now + campaign.validity_seconds * 1000,
        profile=campaign.profile,
        names=compile_template(campaign.body).names,
    )
