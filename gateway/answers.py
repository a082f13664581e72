"""The bodies that clients get, as typed records; the OpenAPI document is made from them.

Enters: what handlers found out. Leaves: JSON with exactly these keys. Amounts are decimal strings with four places, times
RFC 3339 in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from gateway.requests import LaneName

Encoding = Literal["gsm7", "ucs2"]
CampaignStatus = Literal["draft", "running", "completed", "completed_with_failures", "canceled"]


class MessageAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """Kafka has the message."""

    id: str
    status: Literal["accepted"] = "accepted"
    encoding: Encoding
    segments: int


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient that did not become a message; `index` counts recipients or lines from 0."""

    index: int
    pointer: str
    code: str
    detail: str


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What the accepted recipients will cost when every one is sent."""

    segments: int
    price: str


class CampaignAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign exists; `rejected` names every recipient that was refused."""

    id: str
    status: CampaignStatus
    accepted: int
    rejected: list[Rejection]
    estimate: Estimate


class PartAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an upload counts; `rejected` holds the first hundred."""

    part: int
    accepted: int
    rejected_count: int
    rejected: list[Rejection]


class CampaignState(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `start` and `cancel`."""

    id: str
    status: CampaignStatus


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Messages by status; `accepted` is the total and equals the sum of all others."""

    accepted: int
    scheduled: int
    held: int
    queued: int
    sending: int
    sent: int
    delivered: int
    read: int
    undelivered: int
    failed: int
    rejected: int
    expired: int
    canceled: int
    uncertain: int


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What most of the waiting messages wait for; `until` where a time is known."""

    reason: str
    until: str | None


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign as it stands at one moment. `ended_at`: when it was canceled."""

    id: str
    name: str
    status: CampaignStatus
    sender: str = msgspec.field(name="from")
    body: str
    lane: LaneName
    counts: Counts
    rejected_count: int
    waiting: Waiting | None
    price: str
    currency: str
    max_price: str | None
    validity_seconds: int
    smart_encoding: bool
    created_at: str
    started_at: str | None
    ended_at: str | None


class CampaignPage(msgspec.Struct, frozen=True, kw_only=True):
    """`next`: an opaque cursor, null at the end."""

    campaigns: list[Campaign]
    next: str | None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it stands; `segments`, `price` and `carrier` are null until they are known."""

    id: str
    to: str | None
    status: str
    reason: str | None
    segments: int | None
    price: str | None
    currency: str
    carrier: str | None
    client_ref: str | None
    created_at: str
    updated_at: str


class MessagePage(msgspec.Struct, frozen=True, kw_only=True):
    """`next`: an opaque cursor, null at the end."""

    messages: list[Message]
    next: str | None


class RejectionRow(Rejection, frozen=True, kw_only=True):
    """A refused recipient of a campaign, with the part it came in."""

    part: int


class RejectionPage(msgspec.Struct, frozen=True, kw_only=True):
    """`next`: an opaque cursor, null at the end."""

    rejections: list[RejectionRow]
    next: str | None


class RouteShare(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the recipients this carrier would get."""

    carrier: str
    recipients: int


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign would come to; `segments` of the longest text."""

    recipients: int
    encoding: Encoding
    segments: int
    total_segments: int
    price: str
    routes: list[RouteShare]
    rejected: list[Rejection]


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """An account: `available` = `balance` - `reserved`."""

    balance: str
    reserved: str
    available: str
    currency: str


def instant(milliseconds: int) -> str:
    """RFC 3339 of a time in milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant_or_none(milliseconds: int | None) -> str | None:
    """The same, where there may be no time."""
    return None if milliseconds is None else instant(milliseconds)


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Dependency(msgspec.Struct, frozen=True, kw_only=True):
    """One service that the gateway needs, as it answered just now."""

    ok: bool
    milliseconds: float
    error: str | None


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether requests can be served."""

    ready: bool
    kafka: Dependency
    postgres: Dependency
    redis: Dependency


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What runs."""

    product: Literal["sluice"] = "sluice"
    version: str
