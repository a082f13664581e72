"""Every route once: method, path, handler, what goes in, what comes out. The application and the OpenAPI document are made
from this table; a path that does not stand here is 404."""

from __future__ import annotations

from typing import Any

from gateway.audit import routes as audit
from gateway.audit.types import AuditPage
from gateway.balance import routes as balance
from gateway.balance.types import Balance
from gateway.campaigns import routes as campaigns
from gateway.campaigns.schedules import Reschedule
from gateway.campaigns.types import (
    Campaign,
    CampaignAccepted,
    CampaignPage,
    CampaignRequest,
    CampaignState,
    RejectionPage,
    RetryRequest,
)
from gateway.http.route import JSON, Route
from gateway.messages import cancel, trace
from gateway.messages import routes as messages
from gateway.messages.types import Message, MessageAccepted, MessagePage, MessageRequest, MessageState, Trace
from gateway.operations import routes as operations
from gateway.operations.types import Health, Readiness, Version
from gateway.preview import routes as preview
from gateway.preview.form import FORM
from gateway.preview.types import Preview
from gateway.recipients import routes as recipients
from gateway.recipients.types import PartAccepted
from gateway.recipients.uploads import CSV, NDJSON
from gateway.registry.table import REGISTRY_ROUTES
from gateway.scheduler import routes as scheduler
from gateway.scheduler.types import SchedulerState
from gateway.screening.types import Recipient
from gateway.stops import routes as stops
from gateway.stops.types import StopRequest, Stops

_BODY = (400, 408, 413, 415, 422, 429, 503)
_WRITE = (402, 403, 409, *_BODY)
_PAGE = ("cursor", "limit")
_CAMPAIGN = "/v1/campaigns/{id}"
_STOPS = "/v1/admin/stops"
_SCHEDULER = "/v1/admin/scheduler"

ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/v1/messages",
        messages.accept_message,
        "Send one message",
        202,
        MessageRequest,
        MessageAccepted,
        refusals=_WRITE,
        idempotent=True,
    ),
    Route(
        "GET",
        "/v1/messages",
        messages.show_messages,
        "List messages",
        answer=MessagePage,
        query=messages.LIST_PARAMETERS,
        refusals=(422, 503),
    ),
    Route("GET", "/v1/messages/{id}", messages.show_message, "One message", answer=Message, refusals=(404, 422, 503)),
    Route(
        "GET",
        "/v1/messages/{id}/trace",
        trace.trace_message,
        "Every hop of a message, and what it waited for",
        answer=Trace,
        refusals=(404, 422, 503),
    ),
    Route(
        "POST",
        "/v1/messages/{id}/cancel",
        cancel.cancel_message,
        "Cancel a message that no carrier has been given yet",
        202,
        answer=MessageState,
        refusals=(404, 409, *_BODY),
    ),
    Route(
        "POST",
        "/v1/campaigns",
        campaigns.accept_campaign,
        "Send to many, or open a campaign for uploads",
        202,
        CampaignRequest,
        CampaignAccepted,
        refusals=_WRITE,
        idempotent=True,
    ),
    Route(
        "GET",
        "/v1/campaigns",
        campaigns.show_campaigns,
        "List campaigns",
        answer=CampaignPage,
        query=_PAGE,
        refusals=(422, 503),
    ),
    Route(
        "GET", _CAMPAIGN, campaigns.show_campaign, "One campaign with its counts", answer=Campaign, refusals=(404, 422, 503)
    ),
    Route(
        "POST",
        f"{_CAMPAIGN}/recipients",
        recipients.accept_recipients,
        "Upload recipients of an open campaign",
        202,
        Recipient,
        PartAccepted,
        (NDJSON, CSV),
        csv="to,client_ref,name\r\n+4915112345678,order-17,Ann\r\n",
        refusals=(404, 409, *_BODY),
        idempotent=True,
    ),
    Route(
        "POST",
        f"{_CAMPAIGN}/start",
        campaigns.start_campaign,
        "Start an open campaign",
        202,
        answer=CampaignState,
        refusals=(402, 404, 409, *_BODY),
    ),
    Route(
        "POST",
        f"{_CAMPAIGN}/pause",
        campaigns.pause_campaign,
        "Keep what has not been sent, until it is resumed",
        202,
        answer=CampaignState,
        refusals=(404, 409, *_BODY),
    ),
    Route(
        "POST",
        f"{_CAMPAIGN}/resume",
        campaigns.resume_campaign,
        "Go on with a paused campaign",
        202,
        answer=CampaignState,
        refusals=(404, 409, *_BODY),
    ),
    Route(
        "POST",
        f"{_CAMPAIGN}/retry",
        campaigns.retry_campaign,
        "Send again what failed, expired or was not sent",
        202,
        RetryRequest,
        CampaignState,
        refusals=(404, 409, *_BODY),
    ),
    Route(
        "PATCH",
        _CAMPAIGN,
        campaigns.reschedule_campaign,
        "Another beginning, or other hours",
        202,
        Reschedule,
        CampaignState,
        refusals=(404, 409, *_BODY),
    ),
    Route(
        "POST",
        f"{_CAMPAIGN}/cancel",
        campaigns.cancel_campaign,
        "Cancel what has not been sent",
        202,
        answer=CampaignState,
        refusals=(404, 409, *_BODY),
    ),
    Route(
        "GET",
        f"{_CAMPAIGN}/messages",
        campaigns.show_campaign_messages,
        "List a campaign's messages",
        answer=MessagePage,
        query=("status", *_PAGE),
        refusals=(404, 422, 503),
    ),
    Route(
        "GET",
        f"{_CAMPAIGN}/rejections",
        campaigns.show_rejections,
        "List the recipients that were refused",
        answer=RejectionPage,
        query=_PAGE,
        refusals=(404, 422, 503),
    ),
    Route(
        "POST",
        "/v1/preview",
        preview.preview_campaign,
        "What a campaign would come to",
        body=CampaignRequest,
        answer=Preview,
        takes=(JSON, FORM),
        refusals=(403, *_BODY),
    ),
    Route("GET", _STOPS, stops.show_stops, "Emergency stops in force", answer=Stops, refusals=(422, 503)),
    Route("POST", _STOPS, stops.set_stop, "Stop sending", body=StopRequest, answer=Stops, refusals=(404, *_BODY)),
    Route("DELETE", _STOPS, stops.lift_stop, "Lift a stop", body=StopRequest, answer=Stops, refusals=(404, *_BODY)),
    Route(
        "GET",
        "/v1/admin/audit",
        audit.show_audit,
        "Who changed what, newest first",
        answer=AuditPage,
        query=_PAGE,
        refusals=(422, 503),
    ),
    Route("GET", _SCHEDULER, scheduler.show_scheduler, "The releasers", answer=SchedulerState, refusals=(422, 503)),
    Route(
        "POST",
        f"{_SCHEDULER}/start",
        scheduler.start_scheduler,
        "Let what waits go on",
        answer=SchedulerState,
        refusals=_BODY,
    ),
    Route(
        "POST",
        f"{_SCHEDULER}/stop",
        scheduler.stop_scheduler,
        "Let nothing go that waits",
        answer=SchedulerState,
        refusals=_BODY,
    ),
    Route("GET", "/v1/balance", balance.show_balance, "The account's money", answer=Balance, refusals=(422, 503)),
    Route("GET", "/healthz", operations.show_health, "The process answers", answer=Health),
    Route("GET", "/readyz", operations.show_readiness, "Every dependency, with milliseconds and error", answer=Readiness),
    Route("GET", "/metrics", operations.show_metrics, "Metrics for Prometheus", gives="text/plain"),
    Route("GET", "/version", operations.show_version, "The version that runs", answer=Version),
    Route("GET", "/openapi.json", operations.show_openapi, "This document", answer=dict[str, Any]),
    *REGISTRY_ROUTES,
)
