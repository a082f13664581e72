"""The command that tells every role the full state of a campaign.

In: a campaign's row as PostgreSQL has it, the time in milliseconds. Out: the record of `campaign-commands`; a draft lists no
parts, since only `start` says which uploads count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from schemas.records.wire import CampaignCommand
from schemas.values.campaign_status import CampaignStatus
from schemas.values.window import Window


class CommandState(NamedTuple):
    """What a row says, in the order in which both queries select it. `hours`: a `Window` as JSON has it, or None."""

    version: int
    status: str
    lane: str
    started_at: int | None
    start_at: int | None
    hours: dict[str, Any] | None
    parts: Sequence[int]


def campaign_command(tenant: str, campaign: str, state: CommandState, now: int) -> CampaignCommand:
    """The full state at this version."""
    return CampaignCommand(
        tenant=tenant,
        campaign=campaign,
        version=state.version,
        status=state.status,
        lane=state.lane,
        parts=[] if state.status == CampaignStatus.DRAFT else list(state.parts),
        at=now,
        started_at=state.started_at or 0,
        start_at=state.start_at or 0,
        window=None if state.hours is None else msgspec.convert(state.hours, Window),
    )
