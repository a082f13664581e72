"""Rows of campaigns and of their parts, as they are written and read back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from gateway.screening.types import Rejection
from schemas.values.campaign_status import CampaignStatus
from schemas.values.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRow:
    """A campaign as it is made. `answer`: the body of the 202."""

    tenant: str
    id: str
    name: str
    sender: str
    body: str
    lane: str
    profile: str | None
    smart: bool
    validity_seconds: int
    max_price: int | None
    status: CampaignStatus
    grouping: int
    digest: bytes
    answer: msgspec.Struct
    at: int
    start_at: int | None
    window: Window | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """A part whose chunks Kafka has. `price`: of all its messages; `rejections` may be long, it is gone through once."""

    part: int
    chunks: int
    recipients: int
    price: int
    rejected_count: int
    rejected: list[Rejection]
    digest: bytes
    rejections: Iterable[Rejection]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleChange:
    """`new_start`, `new_window`: whether the field beside it counts."""

    new_start: bool
    start_at: int | None
    new_window: bool
    window: Window | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCampaign:
    """What calls on a campaign need to know of it."""

    status: str
    version: int
    published: int
    lane: str
    sender: str
    body: str
    smart: bool
    validity_seconds: int
    max_price: int | None
    profile: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPart:
    """A listed part."""

    recipients: int
    rejected_count: int
    rejected: list[Rejection]
    digest: bytes
