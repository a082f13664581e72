"""Step of intake: may these messages go now, as their campaign, the clock and their validity stand?

In: a part, the campaign's newest command (None: none read, or none needed), the hours that it, the tenant and the profile
keep, the time. Out: what was canceled by itself ends; all other positions go on, or all wait (draft, paused, scheduled), end
(canceled, expired) or are dropped because `start` did not list their upload part; where hours are read on the recipients'
clocks, positions by their time zone. What is due from now on says so: its validity runs from here. Pure.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.records.slice import Columns, ResumeAt, Slice
from schemas.records.wire import CampaignCommand
from schemas.rules.commands import canceled_of
from schemas.rules.may_go import RECIPIENT, Wait, due_at, hours_rules, reason_to_wait
from schemas.rules.timetable import next_opening
from schemas.values.lanes import Lane
from schemas.values.phone.time_zones import zones_of
from schemas.values.positions import places, positions_of
from schemas.values.reasons import Reason
from schemas.values.window import Window
from streams.outcome import Hold, Next, Outcome, Outcomes, Reject
from streams.ports import IntakeBatch
from streams.selection import Selection

VERSION_WAIT = 0.25
"""Seconds."""

Windows = tuple[tuple[Window, bool], ...]
"""Hours with whether they are wanted, or to be avoided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFacts:
    """What is known of the slice's campaign and its hours at `now` (milliseconds). `columns`: opened, where hours depend on
    who receives. `canceled`: positions of the chunk."""

    command: CampaignCommand | None
    now: int
    windows: Windows = ()
    columns: Columns | None = None
    canceled: int = 0


async def ask(parts: Sequence[Selection], batch: IntakeBatch) -> list[TimeFacts]:
    """The newest commands; campaigns that are newer than what was read are given a moment, all of a batch together."""
    campaigns = batch.campaigns
    slices = [part.slice for part in parts]
    behind = {s.campaign: s.version for s in slices if s.campaign and campaigns.version(s.campaign) < s.version}
    if behind:
        await campaigns.wait_versions(behind, VERSION_WAIT)
    return [_facts(s, campaigns.get(s.campaign) if s.campaign else None, batch) for s in slices]


def _facts(slice_: Slice, command: CampaignCommand | None, batch: IntakeBatch) -> TimeFacts:
    windows = _windows(slice_, command, batch)
    by_recipient = any(window.timezone == RECIPIENT for window, _ in windows)
    return TimeFacts(
        command=command,
        now=batch.now,
        windows=windows,
        columns=batch.open(slice_) if by_recipient else None,
        canceled=canceled_of(batch.campaigns.get(slice_.chunk), slice_.positions),
    )


def _windows(slice_: Slice, command: CampaignCommand | None, batch: IntakeBatch) -> Windows:
    if slice_.lane == Lane.OTP:
        return ()
    tenant, profile = batch.config.tenants.get(slice_.tenant), batch.config.profiles.get(slice_.profile or "")
    quiet = (
        *(() if tenant is None else tenant.quiet_hours.get(slice_.lane, ())),
        *(() if profile is None else profile.quiet_hours),
    )
    own = () if command is None or command.window is None else ((command.window, True),)
    return (*own, *((window, False) for window in quiet))


def decide(part: Selection, facts: TimeFacts) -> Outcomes:
    """One outcome for all positions, or one for each group of time zones; the end for what was canceled by itself."""
    canceled = facts.canceled & part.positions
    if not canceled:
        return _decide(part, facts)
    end = Reject(positions=canceled, reason=Reason.CANCELED)
    return (end,) if canceled == part.positions else (end, *_decide(part.cut(part.positions & ~canceled), facts))


def _decide(part: Selection, facts: TimeFacts) -> Outcomes:
    everyone = part.positions
    match reason_to_wait(part.slice, facts.command, facts.now):
        case Wait(reason=reason, until=until):
            return (Hold(positions=everyone, reason=reason, until=until),)
        case Reason() as reason:
            return (Reject(positions=everyone, reason=reason),)
    fresh = part.slice.resume_at == ResumeAt.PARTITION
    if not facts.windows:
        return (Next(positions=everyone, due_at=due_at(part.slice, facts.command) if fresh else None),)
    return tuple(_by_hours(positions, zones, facts, fresh=fresh) for positions, zones in _zones(part, facts.columns))


def _by_hours(positions: int, zones: tuple[str, ...], facts: TimeFacts, *, fresh: bool) -> Outcome:
    opening = next_opening(hours_rules(facts.windows, zones), facts.now)
    if opening.opens_at > facts.now:
        return Hold(positions=positions, reason=Reason.CLOSED_HOURS, until=opening.opens_at)
    return Next(positions=positions, due_at=facts.now if fresh else None, closes_at=opening.closes_at)


def _zones(part: Selection, columns: Columns | None) -> list[tuple[int, tuple[str, ...]]]:
    """Positions by the zones of their numbers; all together where the zone is given."""
    if columns is None:
        return [(part.positions, ())]
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, number in zip(places(part.slice.positions), array("Q", columns.to), strict=True):
        if part.positions >> place & 1:
            groups.setdefault(zones_of(number), []).append(place)
    return [(positions_of(members), zones) for zones, members in groups.items()]
