"""Step of intake: may this slice go on at all, as its campaign and its validity stand?

In: a part, the campaign's newest command (None: none read, or none needed) and the time. Out: all positions the same:
go on, wait as a draft, end as canceled or expired, or are dropped because `start` did not list their upload part. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.records.wire import CampaignCommand
from schemas.rules.may_go import reason_to_wait
from schemas.values.reasons import Disposition
from streams.outcome import Hold, Next, Outcomes, Reject
from streams.ports import IntakeBatch
from streams.selection import Selection

VERSION_WAIT = 0.25
"""Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFacts:
    """What is known of the slice's campaign at `now` (milliseconds)."""

    command: CampaignCommand | None
    now: int


async def ask(parts: Sequence[Selection], batch: IntakeBatch) -> list[CampaignFacts]:
    """The newest commands; campaigns that are newer than what was read are given a moment, all of a batch together."""
    campaigns = batch.campaigns
    slices = [part.slice for part in parts]
    behind = {s.campaign: s.version for s in slices if s.campaign and campaigns.version(s.campaign) < s.version}
    if behind:
        await campaigns.wait_versions(behind, VERSION_WAIT)
    return [CampaignFacts(command=campaigns.get(s.campaign) if s.campaign else None, now=batch.now) for s in slices]


def decide(part: Selection, facts: CampaignFacts) -> Outcomes:
    """One outcome for all positions."""
    everyone = part.positions
    reason = reason_to_wait(part.slice, facts.command, facts.now)
    if reason is None:
        return (Next(positions=everyone),)
    if reason.disposition is Disposition.HOLD:
        return (Hold(positions=everyone, reason=reason, until=facts.now),)
    return (Reject(positions=everyone, reason=reason),)
