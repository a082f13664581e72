"""Where an answer leads: which of its values another call takes.

Enters: a route. Leaves: the links of its answer in the OpenAPI document, by name; the calls are named by their handlers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gateway.http.route import Route


class Link(NamedTuple):
    """`target`: an operation; `parameter`: what it takes; `value`: from the answer's body, or of this request."""

    target: str
    parameter: str
    value: str


_OF_A_CAMPAIGN = (
    "show_campaign",
    "accept_recipients",
    "start_campaign",
    "cancel_campaign",
    "show_campaign_messages",
    "show_rejections",
)
_OF_A_SUBJECT = (
    "registry_show_versions",
    "registry_show_metadata",
    "registry_show_subject_config",
    "registry_show_subject_mode",
    "registry_find_schema",
)
_OF_AN_ID = (
    "registry_show_schema",
    "registry_show_id_schema",
    "registry_show_schema_subjects",
    "registry_show_schema_versions",
)


def _each(targets: tuple[str, ...], parameter: str, value: str) -> tuple[Link, ...]:
    return tuple(Link(target, parameter, value) for target in targets)


_LINKS: dict[str, tuple[Link, ...]] = {
    "accept_message": (Link("show_message", "id", "$response.body#/id"),),
    "show_messages": (
        Link("show_message", "id", "$response.body#/messages/0/id"),
        Link("show_messages", "cursor", "$response.body#/next"),
    ),
    "accept_campaign": _each(_OF_A_CAMPAIGN, "id", "$response.body#/id"),
    "show_campaigns": (
        *_each(_OF_A_CAMPAIGN, "id", "$response.body#/campaigns/0/id"),
        Link("show_campaigns", "cursor", "$response.body#/next"),
    ),
    "show_campaign_messages": (Link("show_message", "id", "$response.body#/messages/0/id"),),
    "start_campaign": _each(("show_campaign", "cancel_campaign"), "id", "$response.body#/id"),
    "cancel_campaign": _each(("show_campaign",), "id", "$response.body#/id"),
    "registry_show_subjects": _each(_OF_A_SUBJECT, "subject", "$response.body#/0"),
    "registry_show_schemas": (
        *_each(_OF_AN_ID, "id", "$response.body#/0/id"),
        Link("registry_show_guid", "guid", "$response.body#/0/guid"),
        Link("registry_show_guid_ids", "guid", "$response.body#/0/guid"),
    ),
    "registry_find_schema": _each(_OF_AN_ID, "id", "$response.body#/id"),
}


def describe_links(route: Route) -> dict[str, Any]:
    """The links of this route's answer."""
    return {
        f"{link.target}_by_{link.parameter}": {"operationId": link.target, "parameters": {link.parameter: link.value}}
        for link in _LINKS.get(route.operation, ())
    }
