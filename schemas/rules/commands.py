"""The command that tells every role the full state of a campaign.

In: a campaign's row as PostgreSQL has it, the time in milliseconds. Out: the record of `campaign-commands`; a draft lists no
parts, since only `start` says which uploads count.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.records.wire import CampaignCommand
from schemas.values.campaign_status import CampaignStatus


def campaign_command(
    tenant: str, campaign: str, version: int, status: str, lane: str, parts: Sequence[int], now: int
) -> CampaignCommand:
    """The full state at this version."""
    return CampaignCommand(
        tenant=tenant,
        campaign=campaign,
        version=version,
        status=status,
        lane=lane,
        parts=[] if status == CampaignStatus.DRAFT else list(parts),
        at=now,
    )
