"""The states of a campaign. In its row, in `campaign-commands` and in `GET`."""

from __future__ import annotations

from enum import StrEnum


class CampaignStatus(StrEnum):
    """`draft`, `running`, `paused` and `canceled` stand in the row. `scheduled` is a running one before its time;
    `completed...` follow from the counts of one that is running or paused."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    COMPLETED_WITH_FAILURES = "completed_with_failures"
    CANCELED = "canceled"
