"""How much a tenant may send in a day and in a month: so many messages, so much money.

In: a tenant's caps, what it has used of the present periods. Out: what is left, and when more may go. Days and months are
those of UTC, so that one count holds for all zones. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from schemas.values.money import MAX_AMOUNT

MOST_MESSAGES = 10**12


class CapReached(StrEnum):
    """What becomes of messages above a cap: they wait for the next period, or are refused."""

    HOLD = "hold"
    REJECT = "reject"


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """None = no cap. Amounts in ten-thousandths of the currency's unit."""

    messages_per_day: int | None = None
    messages_per_month: int | None = None
    spend_per_day: int | None = None
    spend_per_month: int | None = None
    reached: CapReached = CapReached.HOLD

    @property
    def any(self) -> bool:
        """Whether there is any."""
        limits = (self.messages_per_day, self.messages_per_month, self.spend_per_day, self.spend_per_month)
        return any(limit is not None for limit in limits)


class Used(NamedTuple):
    """Of one period: messages that were let go, and what they cost."""

    messages: int = 0
    spent: int = 0


class Left(NamedTuple):
    """What may still go now, and the moments (ms) at which what is above either may be looked at again."""

    messages: int
    money: int
    messages_until: int
    money_until: int


def periods(now: int) -> tuple[str, str]:
    """The day and the month of this moment (ms), as their counts are named."""
    at = datetime.fromtimestamp(now / 1000, UTC)
    return at.strftime("%Y-%m-%d"), at.strftime("%Y-%m")


def left_of(caps: Caps, used: Mapping[str, Used], now: int) -> Left:
    """`used` by period."""
    day, month = periods(now)
    of_day, of_month = used.get(day, Used()), used.get(month, Used())
    messages = (
        _rest(caps.messages_per_day, of_day.messages, MOST_MESSAGES),
        _rest(caps.messages_per_month, of_month.messages, MOST_MESSAGES),
    )
    money = _rest(caps.spend_per_day, of_day.spent, MAX_AMOUNT), _rest(caps.spend_per_month, of_month.spent, MAX_AMOUNT)
    return Left(
        min(messages), min(money), _end_of(now, month=messages[1] < messages[0]), _end_of(now, month=money[1] < money[0])
    )


def _rest(cap: int | None, used: int, otherwise: int) -> int:
    return otherwise if cap is None else max(0, cap - used)


def _end_of(now: int, *, month: bool) -> int:
    day = datetime.fromtimestamp(now / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    following = (day.replace(day=1) + timedelta(days=32)).replace(day=1) if month else day + timedelta(days=1)
    return int(following.timestamp() * 1000)
