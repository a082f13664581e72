"""The gateway as commands call it: JSON in, JSON out, uploads streamed.

In: paths and plain values. Out: the decoded answer. Wrong: the gateway cannot be reached, or refuses: `ApiError` with its
status, code and every detail.
"""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

from infra.client.connection import connect
from infra.runtime.refusal import Refusal

TIMEOUT = 60.0
Answer = dict[str, Any]


class ApiError(Refusal):
    """The gateway said no. `status` 0: it could not be reached."""

    def __init__(self, status: int, problem: str, next_step: str = "") -> None:
        super().__init__(problem, next_step)
        self.status = status


class Api:
    """One gateway, one key. Each call has a connection of its own."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key

    def get(self, path: str, **query: Any) -> Answer:
        """GET; parameters that are None are left out."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._call("GET", f"{path}?{urlencode(given)}" if given else path, None, {})

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """POST of a JSON body, or of none."""
        if body is None:
            return self._call("POST", path, None, headers)
        return self._call("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})

    def patch(self, path: str, body: Any) -> Answer:
        """PATCH of a JSON body."""
        return self._call("PATCH", path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def upload(self, path: str, blocks: Iterable[bytes], part: int, content: str = "application/x-ndjson") -> Answer:
        """POST of blocks of this content type as they come, as the part of this number."""
        return self._call("POST", path, blocks, {"Content-Type": content, "Upload-Part": str(part)})

    def post_form(self, path: str, fields: dict[str, Any], name: str, blocks: Iterable[bytes], content: str) -> Answer:
        """POST of a form: fields as JSON, then under this name the blocks of this content type as they come."""
        boundary = secrets.token_hex(16)
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self._call("POST", path, _form(boundary, fields, name, blocks, content), kind)

    def _call(self, method: str, path: str, body: bytes | Iterable[bytes] | None, headers: dict[str, str]) -> Answer:
        sent = {"Authorization": f"Bearer {self._key}", **headers}
        for name, value in sent.items():
            if not (value.isascii() and value.isprintable()):
                raise Refusal(f"the header {name} cannot carry what was given", "use the printable characters of ASCII")
        connection, before, added = connect(self._url, TIMEOUT)
        try:
            connection.request(
                method,
                before + path,
                body,
                {**sent, **added},
                encode_chunked=body is not None and not isinstance(body, bytes),
            )
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as fault:
            raise ApiError(
                0, f"the gateway at {self._url} does not answer ({fault})", "see `sluice ps` and `sluice doctor`"
            ) from fault
        finally:
            connection.close()
        return _decoded(answer.status, content)


def segment(text: str) -> str:
    """Text as one segment of a path."""
    return quote(text, safe="")


def _form(boundary: str, fields: dict[str, Any], name: str, blocks: Iterable[bytes], content: str) -> Iterator[bytes]:
    parts = [(field, "", "application/json", [json.dumps(value).encode()]) for field, value in fields.items()]
    for field, filename, kind, data in [*parts, (name, f'; filename="{name}"', content, blocks)]:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"{filename}\r\nContent-Type: {kind}\r\n\r\n'
        yield head.encode()
        yield from data
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _decoded(status: int, content: bytes) -> Answer:
    try:
        answer = json.loads(content) if content else {}
    except ValueError:
        answer = {}
    answer = answer if isinstance(answer, dict) else {"items": answer}
    if status < 300:
        return answer
    said = answer.get("detail") or answer.get("title") or "no reason given"
    errors = [error for error in answer.get("errors", []) if isinstance(error, dict)]
    details = "; ".join(
        " ".join(str(part) for part in (error.get("pointer"), error.get("detail")) if part and part != said)
        for error in errors
    )
    raise ApiError(
        status,
        f"{status} {answer.get('code', '')}".strip() + f": {said}" + (f" ({details})" if details else ""),
        _next_step(status),
    )


def _next_step(status: int) -> str:
    match status:
        case 401:
            return "set SLUICE_API_KEY to a key in force (`sluice key list`)"
        case 402:
            return "credit the tenant: `sluice balance credit AMOUNT`"
        case 404:
            return "check the id"
        case 429 | 503:
            return "try again in a moment"
    return ""
