"""While nothing waits, the releaser claims nothing: it asks whether anything does."""

from __future__ import annotations

from typing import Any, cast

from connectors.releaser.leases import RowLeases
from connectors.releaser.pace import Pace
from connectors.releaser.release import Release
from connectors.releaser.role import Bursts
from infra.settings.model import SchedulerSettings

NOW = 1_000_000


class Asked:
    """What is asked of the waiting room: `answers` by statement, in order; every claim finds nothing."""

    def __init__(self, **answers: list[list[tuple[Any, ...]]]) -> None:
        self.names: list[str] = []
        self._answers = answers

    async def query(self, name: str, _params: dict[str, Any]) -> list[tuple[Any, ...]]:
        self.names.append(name)
        return self._answers[name].pop(0)

    async def claim(self, condition: str, _now: int, _limit: int, **_params: Any) -> list[Any]:
        self.names.append(f"claim {condition}")
        return []


class Reminded(Pace):
    """Remembers of what it was reminded."""

    seconds: float | None = None

    def remind(self, seconds: float) -> None:
        self.seconds = seconds


class Nothing:
    """Releases nothing, since nothing is claimed."""

    async def to_intake(self, rows: list[Any]) -> None:
        assert not rows

    to_next_carrier = to_intake

    async def to_end(self, rows: list[Any], _reason: object) -> None:
        assert not rows


def bursts(asked: Asked, pace: Pace) -> Bursts:
    return Bursts(
        leases=cast(RowLeases, asked),
        release=cast(Release, Nothing()),
        scheduler=SchedulerSettings(),
        pace=pace,
        now=lambda: NOW,
    )


async def test_nothing_waits() -> None:
    asked = Asked(any_waiting=[[]], next_due=[[(None,)]])
    pace = Reminded(lambda: 0.0)
    assert not await bursts(asked, pace).others()
    assert not await bursts(asked, pace).due()
    assert asked.names == ["any_waiting", "next_due"] and pace.seconds is None


async def test_what_waits_is_claimed_for_every_reason() -> None:
    asked = Asked(any_waiting=[[(True,)]])
    assert not await bursts(asked, Pace(lambda: 0.0)).others()
    assert asked.names[1:] == [f"claim {one}" for one in ("balance", "caps_changed", "unstopped", "carrier_down", "expired")]


async def test_what_is_due_later_is_remembered() -> None:
    asked, pace = Asked(next_due=[[(NOW + 5_000,)]]), Reminded(lambda: 0.0)
    assert not await bursts(asked, pace).due()
    assert asked.names == ["next_due"] and pace.seconds == 5


async def test_what_is_due_and_cannot_be_claimed_does_not_hide_the_next() -> None:
    asked, pace = Asked(next_due=[[(NOW - 1,)], [(NOW + 2_000,)]]), Reminded(lambda: 0.0)
    assert not await bursts(asked, pace).due()
    assert asked.names == ["next_due", "claim due", "next_due"] and pace.seconds == 2
