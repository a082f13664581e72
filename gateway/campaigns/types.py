"""Campaigns as clients send and get them; fields that are not listed here are refused.

What its recipients look like stands in `screening.types`, as uploads bring them too.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.campaigns.schedules import Schedule, ShownSchedule
from gateway.http.fields import NO_NUL, LaneName, ProfileName, Sender, Text, Validity
from gateway.http.problem import Problem, refusal
from gateway.screening.types import Recipient, Rejection
from schemas.values.campaign_status import CampaignStatus

DEFAULT_LANE = "marketing"
MAX_INLINE = 10_000
MAX_NAMES = 100
"""Different placeholders of a body; every recipient is asked for each."""

Name = Annotated[str, Meta(min_length=1, max_length=200, extra_json_schema=NO_NUL)]
# Trap: to Python `$` also stands before a last newline; JSON Schema knows no other end of a text.
Amount = Annotated[str, Meta(pattern=r"^[0-9]{1,11}(\.[0-9]{1,4})?$(?!\n)")]


class CampaignRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A campaign with its recipients, or an open one to which they are uploaded."""

    name: Name
    sender: Sender = msgspec.field(name="from")
    body: Text
    lane: Annotated[LaneName, Meta(extra_json_schema={"default": DEFAULT_LANE})] | UnsetType = UNSET
    channel: Literal["sms"] = "sms"
    schedule: Schedule | None = None
    profile: ProfileName | None = None
    validity_seconds: Validity | UnsetType = UNSET
    max_price: Amount | None = None
    smart_encoding: bool = False
    recipients: Annotated[list[Recipient], Meta(extra_json_schema={"maxItems": MAX_INLINE})] = []
    open: bool = False


def too_many_recipients() -> Problem:
    """422."""
    return refusal(
        "/recipients", "too_many_recipients", f"at most {MAX_INLINE} recipients inline; open the campaign and upload more"
    )


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


class CampaignState(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `start`, `pause`, `resume`, `cancel` and a new schedule."""

    id: str
    status: CampaignStatus


class RetryRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which messages go again: those that failed at a carrier, that expired, that no carrier was ever called for, or of
    which nobody knows whether the carrier has them (they may arrive twice)."""

    scope: Literal["failed", "expired", "unsent", "uncertain"]


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
    """What most of the waiting messages wait for, and how many they are; `until`: the first moment at which one of them may
    go, where a time is known."""

    reason: str
    until: str | None
    count: int


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign as it stands at one moment. `ended_at`: when it was canceled."""

    id: str
    name: str
    status: CampaignStatus
    sender: str = msgspec.field(name="from")
    body: str
    lane: LaneName
    profile: str | None
    counts: Counts
    rejected_count: int
    schedule: ShownSchedule | None
    waiting: Waiting | None
    price: Annotated[str, Meta(description="Charged so far; what is reserved or was given back is no part of it")]
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


class RejectionRow(Rejection, frozen=True, kw_only=True):
    """A refused recipient of a campaign, with the part it came in."""

    part: int


class RejectionPage(msgspec.Struct, frozen=True, kw_only=True):
    """`next`: an opaque cursor, null at the end."""

    rejections: list[RejectionRow]
    next: str | None
