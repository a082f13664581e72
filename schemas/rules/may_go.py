"""May messages go now, and if not, do they wait or are they over? Asked at intake and again right before a start.

In: a slice, the newest command of its campaign as far as it was read, the time in milliseconds. Out: a `Reason` to wait
(`draft`), to end (`canceled`, `validity_ended`) or to be dropped (`unlisted_part`), or None: they may go.
"""

from __future__ import annotations

from schemas.records.slice import Slice
from schemas.records.wire import CampaignCommand
from schemas.values.campaign_status import CampaignStatus
from schemas.values.reasons import Reason


def reason_to_wait(slice_: Slice, command: CampaignCommand | None, now: int) -> Reason | None:
    """Why these messages may not go on towards a carrier yet, or ever; None when they may."""
    if slice_.campaign is not None:
        if command is None or command.version < slice_.version or command.status == CampaignStatus.DRAFT:
            return Reason.DRAFT
        if slice_.part not in command.parts:
            return Reason.UNLISTED_PART
    return reason_to_end(slice_, command, now)


def reason_to_end(slice_: Slice, command: CampaignCommand | None, now: int) -> Reason | None:
    """Why messages that were let go before are over; a command that was not read ends nothing."""
    if slice_.campaign is not None and command is not None and command.status == CampaignStatus.CANCELED:
        return Reason.CANCELED
    return Reason.VALIDITY_ENDED if slice_.expires_at <= now else None
