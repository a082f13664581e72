"""The states of a campaign. In its row, in `campaign-commands` and in `GET`."""

from __future__ import annotations

from enum import StrEnum


class CampaignStatus(StrEnum):
    """The first, second and last stand in the row; `completed...` follow from the counts of a running one."""

    DRAFT = "draft"
    RUNNING = "running"
    COMPLETED = "completed"
    COMPLETED_WITH_FAILURES = "completed_with_failures"
    CANCELED = "canceled"
