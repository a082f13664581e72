"""May messages go now, and if not, do they wait, until when, or are they over?

Asked at intake, when something leaves the waiting room, and again right before a start. In: a slice, the newest command of
its campaign as far as it was read, the time in milliseconds, hours. Out: a `Wait` with its reason (`draft`, `paused`,
`scheduled`, `closed_hours`) and the first moment at which it may be otherwise; a `Reason` to end (`canceled`,
`validity_ended`) or to be dropped (`unlisted_part`); or None: they may go. Validity runs from the moment at which a message
is due: accepted, and not before its campaign was started, its schedule and the first hour that is open to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from schemas.records.slice import ResumeAt, Slice
from schemas.records.wire import CampaignCommand
from schemas.rules.timetable import HoursRule, Places
from schemas.values.campaign_status import CampaignStatus
from schemas.values.reasons import Reason
from schemas.values.window import Window

RECIPIENT = "recipient"
"""The time zone of a `Window` that is read on the clocks of those who receive the messages."""


class Wait(NamedTuple):
    """Not yet; `until`: the first moment at which it is worth asking again (milliseconds)."""

    reason: Reason
    until: int


def reason_to_wait(slice_: Slice, command: CampaignCommand | None, now: int) -> Wait | Reason | None:
    """Why these messages may not go on towards a carrier yet, or ever, whatever the hour; None when they may."""
    if slice_.campaign is not None:
        if command is None or command.version < slice_.version or command.status == CampaignStatus.DRAFT:
            return Wait(Reason.DRAFT, now)
        if slice_.part not in command.parts:
            return Reason.UNLISTED_PART
    if command is not None and command.status == CampaignStatus.CANCELED:
        return Reason.CANCELED
    due = due_at(slice_, command)
    if due > now:
        return Wait(Reason.SCHEDULED, due)
    if expires_at(slice_, due) <= now:
        return Reason.VALIDITY_ENDED
    return Wait(Reason.PAUSED, now) if command is not None and command.status == CampaignStatus.PAUSED else None


def reason_to_stop(slice_: Slice, command: CampaignCommand | None, now: int) -> Reason | None:
    """Why messages that were let go before go no further: they are over (`canceled`, `validity_ended`), or wait again
    (`paused`, `closed_hours`). A command that was not read stops nothing."""
    if slice_.campaign is not None and command is not None:
        if command.status == CampaignStatus.CANCELED:
            return Reason.CANCELED
        if command.status == CampaignStatus.PAUSED and slice_.expires_at > now:
            return Reason.PAUSED
    if slice_.expires_at <= now:
        return Reason.VALIDITY_ENDED
    return Reason.CLOSED_HOURS if 0 < slice_.closes_at <= now else None


def due_at(slice_: Slice, command: CampaignCommand | None) -> int:
    """When these messages were, or will be, due; only for chunks as they came in does the campaign say so."""
    if command is None or slice_.resume_at != ResumeAt.PARTITION:
        return slice_.due_at
    return max(slice_.due_at, command.started_at, command.start_at)


def expires_at(slice_: Slice, due: int) -> int:
    """The end of their validity when they are due at `due`."""
    return slice_.expires_at + due - slice_.due_at


def hours_rules(windows: Sequence[tuple[Window, bool]], zones: Sequence[str]) -> Places:
    """The rules of these windows (wanted, or to be avoided) for recipients who may be in any of these zones; without zones
    no window asks for the recipient's."""
    return tuple(
        tuple(
            HoursRule(window, zone if window.timezone == RECIPIENT else window.timezone, wanted)
            for window, wanted in windows
        )
        for zone in zones or ("",)
    )
