"""Every route once: method, path, handler, what goes in, what comes out. The application and the OpenAPI document are made
from this table; a path that does not stand here is 404."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aiohttp import web

from gateway import answers, requests
from gateway.registry import CONTENT_TYPE, SubjectVersion
from gateway.routes import balance, campaigns, messages, operations, preview, recipients, registry
from gateway.uploads import NDJSON

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Route(NamedTuple):
    """One row. `body`, `answer`: types of JSON; `content`: another media type of the body, or of the answer where there
    is no body; `csv`: the body may be a table as well, of which this is an example. `once`: takes `Idempotency-Key`."""

    method: str
    path: str
    handler: Handler
    summary: str
    status: int = 200
    body: Any = None
    answer: Any = None
    content: str | None = None
    csv: str | None = None
    query: tuple[str, ...] = ()
    refusals: tuple[int, ...] = ()
    once: bool = False

    @property
    def guarded(self) -> bool:
        """Whether it takes an API key."""
        return self.path.startswith("/v1/")


_BODY = (400, 408, 413, 415, 422, 429, 503)
_WRITE = (402, 403, 409, *_BODY)
_PAGE = ("cursor", "limit")
_CAMPAIGN = "/v1/campaigns/{id}"
_VERSIONS = "subjects/{subject}/versions"


def _schemas(path: str, handler: Handler, summary: str, answer: Any, *refusals: int) -> Route:
    """A row of the schema registry."""
    return Route("GET", f"/registry/{path}", handler, summary, answer=answer, content=CONTENT_TYPE, refusals=refusals)


ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/messages", messages.accept_message, "Send one message", 202, requests.MessageRequest,
          answers.MessageAccepted, refusals=_WRITE, once=True),
    Route("GET", "/v1/messages", messages.show_messages, "List messages", answer=answers.MessagePage,
          query=messages.LIST_PARAMETERS, refusals=(422, 503)),
    Route("GET", "/v1/messages/{id}", messages.show_message, "One message", answer=answers.Message,
          refusals=(404, 422, 503)),
    Route("POST", "/v1/campaigns", campaigns.accept_campaign, "Send to many, or open a campaign for uploads", 202,
          requests.CampaignRequest, answers.CampaignAccepted, refusals=_WRITE, once=True),
    Route("GET", "/v1/campaigns", campaigns.show_campaigns, "List campaigns", answer=answers.CampaignPage, query=_PAGE,
          refusals=(422, 503)),
    Route("GET", _CAMPAIGN, campaigns.show_campaign, "One campaign with its counts", answer=answers.Campaign,
          refusals=(404, 422, 503)),
    Route("POST", f"{_CAMPAIGN}/recipients", recipients.accept_recipients, "Upload recipients of an open campaign", 202,
          requests.Recipient, answers.PartAccepted, NDJSON,
          "to,client_ref,name\r\n+4915112345678,order-17,Ann\r\n", refusals=(404, 409, *_BODY), once=True),
    Route("POST", f"{_CAMPAIGN}/start", campaigns.start_campaign, "Start an open campaign", 202,
          answer=answers.CampaignState, refusals=(402, 404, 409, *_BODY)),
    Route("POST", f"{_CAMPAIGN}/cancel", campaigns.cancel_campaign, "Cancel what has not been sent", 202,
          answer=answers.CampaignState, refusals=(404, 409, *_BODY)),
    Route("GET", f"{_CAMPAIGN}/messages", campaigns.show_campaign_messages, "List a campaign's messages",
          answer=answers.MessagePage, query=("status", *_PAGE), refusals=(404, 422, 503)),
    Route("GET", f"{_CAMPAIGN}/rejections", campaigns.show_rejections, "List the recipients that were refused",
          answer=answers.RejectionPage, query=_PAGE, refusals=(404, 422, 503)),
    Route("POST", "/v1/preview", preview.preview_campaign, "What a campaign would come to",
          body=requests.CampaignRequest, answer=answers.Preview, refusals=(403, *_BODY)),
    Route("GET", "/v1/balance", balance.show_balance, "The account's money", answer=answers.Balance,
          refusals=(422, 503)),
    Route("GET", "/healthz", operations.show_health, "The process answers", answer=answers.Health),
    Route("GET", "/readyz", operations.show_readiness, "Every dependency, with milliseconds and error",
          answer=answers.Readiness),
    Route("GET", "/metrics", operations.show_metrics, "Metrics for Prometheus", content="text/plain"),
    Route("GET", "/version", operations.show_version, "The version that runs", answer=answers.Version),
    Route("GET", "/openapi.json", operations.show_openapi, "This document", answer=dict[str, Any]),
    _schemas("subjects", registry.show_subjects, "Subjects of the schema registry", list[str]),
    _schemas(_VERSIONS, registry.show_versions, "Versions of a subject", list[int], 404),
    _schemas(f"{_VERSIONS}/{{version}}", registry.show_version, "One version of a subject, or latest", SubjectVersion,
             404, 422),
    _schemas(f"{_VERSIONS}/{{version}}/schema", registry.show_version_schema, "The bare schema of a version",
             dict[str, Any], 404, 422),
    _schemas("schemas/ids/{id}", registry.show_schema, "The schema of an id", dict[str, str], 404),
    _schemas("schemas/ids/{id}/versions", registry.show_schema_versions, "Where a schema is used", list[dict[str, Any]],
             404),
    _schemas("schemas/types", registry.show_types, "Kinds of schemas", list[str]),
    _schemas("config", registry.show_config, "The promise of compatibility", dict[str, str]),
    _schemas("mode", registry.show_mode, "Whether the registry can be written", dict[str, str]),
)
