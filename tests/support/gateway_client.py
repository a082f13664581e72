"""The gateway as a sender calls it, in the plainest way: one connection a call, JSON in and out.

In: the gateway's URL and an API key. Out: an `Answer` whatever the status. Wrong: OSError or HTTPException when nobody
answers, as while the gateway is being started again.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

TIMEOUT_SECONDS = 60.0
PAGE = 1000
UNREACHABLE = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`body` decoded where it is JSON, else as text; the names of headers in any case."""

    status: int
    body: Any
    headers: http.client.HTTPMessage

    @property
    def id(self) -> str:
        """The id of what was accepted."""
        assert self.status == 202, (self.status, self.body)
        return str(self.body["id"])


@dataclass(frozen=True, slots=True)
class GatewayClient:
    """One account of one gateway."""

    url: str
    key: str | None = field(repr=False)

    def get(self, path: str, **query: Any) -> Answer:
        """GET; parameters that are None are left out, `since` stands for `from`."""
        given = {"from" if name == "since" else name: value for name, value in query.items() if value is not None}
        return self.call("GET", f"{path}?{urlencode(given)}" if given else path)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """POST of JSON or of nothing; `Idempotency_Key=` becomes the header `Idempotency-Key`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            return self.call("POST", path, None, named)
        return self.call("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json", **named})

    def patch(self, path: str, body: Any) -> Answer:
        """PATCH of JSON."""
        return self.call("PATCH", path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def upload(
        self, campaign: str, content: bytes, part: int | None = None, content_type: str = "application/x-ndjson"
    ) -> Answer:
        """POST of a part of recipients."""
        headers = {"Content-Type": content_type} | ({} if part is None else {"Upload-Part": str(part)})
        return self.call("POST", f"/v1/campaigns/{campaign}/recipients", content, headers)

    def call(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_SECONDS)
        signed = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            connection.request(method, path, body, {**signed, **(headers or {})})
            response = connection.getresponse()
            return Answer(
                status=response.status,
                body=_decoded(response.read(), response.headers.get_content_type()),
                headers=response.headers,
            )
        finally:
            connection.close()

    def pages(self, path: str, field_name: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every row of a list, page by page."""
        cursor = None
        while True:
            answer = self.get(path, cursor=cursor, limit=PAGE, **query)
            assert answer.status == 200, answer.body
            yield from answer.body[field_name]
            cursor = answer.body["next"]
            if cursor is None:
                return

    def campaign(self, identity: str) -> dict[str, Any]:
        """The campaign as it stands."""
        answer = self.get(f"/v1/campaigns/{identity}")
        assert answer.status == 200, answer.body
        return dict(answer.body)

    def message(self, identity: str) -> dict[str, Any]:
        """The message as it stands."""
        answer = self.get(f"/v1/messages/{identity}")
        assert answer.status == 200, answer.body
        return dict(answer.body)

    def listed(self, **query: Any) -> list[dict[str, Any]]:
        """The account's messages that fit the query."""
        return list(self.pages("/v1/messages", "messages", **query))

    def messages(self, campaign: str, status: str | None = None) -> list[dict[str, Any]]:
        """The campaign's messages."""
        return list(self.pages(f"/v1/campaigns/{campaign}/messages", "messages", status=status))


def _decoded(content: bytes, kind: str) -> Any:
    if kind.endswith("json"):
        return json.loads(content) if content else None
    return content.decode()
