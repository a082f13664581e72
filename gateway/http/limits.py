"""What one gateway gives to all requests together: memory for bodies, uploads, room for their files, turns on the loop.

Enters: the settings. Leaves: `Bounds`, one a gateway.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.http.loop_scheduler import Turns
from gateway.http.quota import Share
from infra.settings.model import GatewaySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """`bodies` and `spool` in bytes, `uploads` by number; `upload_bytes` and `upload_seconds` of one upload;
    `text_characters` of the texts of one request."""

    bodies: Share
    uploads: Share
    spool: Share
    upload_bytes: int
    upload_seconds: float
    text_characters: int
    turns: Turns = field(default_factory=Turns)


def bounds_of(settings: GatewaySettings) -> Bounds:
    """The bounds that these settings give."""
    return Bounds(
        bodies=Share(settings.bodies_bytes, "bytes of bodies", least=settings.max_body_bytes),
        uploads=Share(settings.uploads, "uploads"),
        spool=Share(settings.spool_bytes, "bytes of uploads", least=settings.max_upload_bytes),
        upload_bytes=settings.max_upload_bytes, upload_seconds=settings.upload_seconds,
        text_characters=settings.max_text_characters)
