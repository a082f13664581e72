"""The command that tells every role the full state of a campaign, or which messages of a chunk are canceled.

In: a row as PostgreSQL has it, the time in milliseconds. Out: the record of `campaign-commands`; a draft lists no
parts, since only `start` says which uploads count. A chunk's command has its id in the place of the campaign's: no two ids
are alike, and both are the newest state of their key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from schemas.records.wire import CampaignCommand
from schemas.values.campaign_status import CampaignStatus
from schemas.values.positions import positions_of
from schemas.values.window import Window


class CommandState(NamedTuple):
    """What a row says, in the order in which both queries select it. `hours`: a `Window` as JSON has it, or None.
    `places`: of the chunk's messages that are canceled."""

    version: int
    status: str
    lane: str
    started_at: int | None
    start_at: int | None
    hours: dict[str, Any] | None
    parts: Sequence[int]
    places: Sequence[int] = ()


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
        positions=positions_of(list(state.places)),
    )


def canceled_of(command: CampaignCommand | None, positions: int) -> int:
    """Which of these positions of a chunk its command cancels."""
    return 0 if command is None else command.positions & positions
