"""What a campaign waits for, as shown: what was uploaded to one that begins later waits for its time, not for a start."""

from __future__ import annotations

import pytest

from gateway.campaigns.queries import _waiting
from gateway.campaigns.types import Waiting
from gateway.http.fields import instant

LATER = 2**42


@pytest.mark.parametrize(
    ("status", "start_at", "reason", "shown"),
    [
        ("running", LATER, "scheduled", LATER),
        ("running", 1, "draft", None),
        ("running", None, "draft", None),
        ("draft", LATER, "draft", None),
        ("paused", LATER, "paused", None),
    ],
)
def test_drafts_of_a_campaign_that_begins_later(status: str, start_at: int | None, reason: str, shown: int | None) -> None:
    until = None if shown is None else instant(shown)
    assert _waiting(status, start_at, "draft", 5, 20, 20) == Waiting(reason=reason, until=until, count=20)
