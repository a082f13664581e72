"""First step of intake: may this slice go on at all, as its campaign and its validity stand?

In: a part, the campaign's newest command (None: none read, or none needed) and the time. Out: all positions the same:
go on, wait as a draft, end as canceled or expired, or are dropped because `start` did not list their upload part. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.records.wire import CampaignCommand
from schemas.values.reasons import Reason
from streams.outcome import Hold, Next, Outcomes, Reject
from streams.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFacts:
    """What is known of the slice's campaign at `now` (milliseconds)."""

    command: CampaignCommand | None
    now: int


def decide(part: Selection, facts: CampaignFacts) -> Outcomes:
    """One outcome for all positions."""
    everyone = part.positions
    if part.slice.campaign is not None:
        command = facts.command
        if command is None or command.version < part.slice.version or command.status == "draft":
            return (Hold(positions=everyone, reason=Reason.DRAFT, until=facts.now),)
        if part.slice.part not in command.parts:
            return (Reject(positions=everyone, reason=Reason.UNLISTED_PART),)
        if command.status == "canceled":
            return (Reject(positions=everyone, reason=Reason.CANCELED),)
    if part.slice.expires_at <= facts.now:
        return (Reject(positions=everyone, reason=Reason.VALIDITY_ENDED),)
    return (Next(positions=everyone),)
