"""Campaigns through the API, as measurements send them.

In: a target, how many recipients. Out: how long it took, or the campaign's id. Blocking. Wrong: messages that do not come to
an end in time: `Refusal`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from infra.bench.recipients import BODY, fictitious_recipients
from infra.bench.target import Target
from infra.client.api import Api
from infra.client.campaign_watch import all_final, watch_campaign
from infra.runtime.refusal import Refusal

BULK_SECONDS = 300.0


def run_campaign(target: Target, recipients: int) -> dict[str, float]:
    """Seconds of the upload, and from the first call to the last receipt."""
    api, begun = Api(target.url, target.key), time.monotonic()
    campaign = upload_campaign(target, recipients)
    took = time.monotonic() - begun
    api.post(f"/v1/campaigns/{campaign}/start")
    wait_for(target, campaign, all_final)
    return {"upload": round(took, 3), "seconds": time.monotonic() - begun}


def upload_campaign(target: Target, recipients: int) -> str:
    """A draft with all its recipients."""
    campaign = open_campaign(target)
    Api(target.url, target.key).upload(f"/v1/campaigns/{campaign}/recipients", fictitious_recipients(recipients), 1)
    return campaign


def wait_for(target: Target, campaign: str, until: Callable[[dict[str, Any]], bool]) -> None:
    """Return once the campaign's state is one of those."""
    state = watch_campaign(Api(target.url, target.key), campaign, until, seconds=BULK_SECONDS, pause=0.1)
    if not until(state):
        raise Refusal(f"the campaign did not come to an end in {BULK_SECONDS:.0f} s: {state['counts']}", "see DATA/logs")


def open_campaign(target: Target) -> str:
    """An empty draft."""
    made = Api(target.url, target.key).post(
        "/v1/campaigns",
        {"name": "bench", "from": "Sluice", "body": BODY, "lane": "marketing", "open": True, "recipients": []},
    )
    return str(made["id"])
