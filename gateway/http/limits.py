"""What all requests of one gateway may use together, and one alone: memory for bodies, uploads, room for their files.

Enters: the settings. Leaves: `Limits`, one a gateway.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.http.quota import Quota
from infra.settings.model import GatewaySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`bodies` and `spool` in bytes, `uploads` by number; `body_bytes` of one body, `upload_bytes` and
    `upload_seconds` of one upload, `text_characters` of the texts of one request."""

    bodies: Quota
    uploads: Quota
    spool: Quota
    body_bytes: int
    upload_bytes: int
    upload_seconds: float
    text_characters: int


def limits_of(settings: GatewaySettings) -> Limits:
    """The limits that these settings give."""
    return Limits(
        bodies=Quota(settings.bodies_bytes, "bytes of bodies", least=settings.max_body_bytes),
        uploads=Quota(settings.uploads, "uploads"),
        spool=Quota(settings.spool_bytes, "bytes of uploads", least=settings.max_upload_bytes),
        body_bytes=settings.max_body_bytes,
        upload_bytes=settings.max_upload_bytes,
        upload_seconds=settings.upload_seconds,
        text_characters=settings.max_text_characters,
    )
