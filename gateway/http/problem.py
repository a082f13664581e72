"""Refusals as RFC 9457 problems: one exception, one form on the wire.

Enters: a status, a stable code, a sentence, and the single faults found. Leaves: an `application/problem+json` body,
or the form that clients of one part of the interface know (`ProblemForm`).
Whoever refuses something raises `Problem`; the middleware `problems` is the only place that turns it into an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple

import msgspec

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 2


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a request. `pointer`: a JSON pointer into the body, `?name` for a parameter of the query."""

    pointer: str
    code: str
    detail: str


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True):
    """What goes over the wire (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    errors: list[Fault] = []


class Problem(Exception):
    """A request that is refused; `code` is stable, `detail` is for people."""

    def __init__(
        self, status: int, code: str, detail: str, errors: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """The JSON of the answer, with the newline that every answer ends in."""
        told = ProblemBody(
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            code=self.code,
            detail=self.detail,
            errors=self.errors,
        )
        return msgspec.json.encode(told) + b"\n"


class ProblemForm(NamedTuple):
    """How refusals look below the paths that begin with `prefix`: a body of type `kind`, as `render` writes it for a problem
    and the request's method."""

    prefix: str
    content_type: str
    kind: type[msgspec.Struct]
    render: Callable[[Problem, str], bytes]


PROBLEM_JSON = ProblemForm("/", CONTENT_TYPE, ProblemBody, lambda problem, _method: problem.body())


def form_of(path: str, forms: Sequence[ProblemForm]) -> ProblemForm:
    """The form of refusals below this path: that of RFC 9457 unless one of these is for it."""
    return next((form for form in forms if path.startswith(form.prefix)), PROBLEM_JSON)


def refused(faults: Sequence[Fault]) -> Problem:
    """422 for faults of a request that is well-formed; its code is that of the first fault."""
    return Problem(422, faults[0].code, faults[0].detail, faults)


def refusal(pointer: str, code: str, detail: str) -> Problem:
    """422 for a single fault."""
    return refused([Fault(pointer=pointer, code=code, detail=detail)])


def unavailable(code: str, detail: str) -> Problem:
    """503: nothing was accepted, the same request may be tried again."""
    return Problem(503, code, detail, headers={"Retry-After": str(RETRY_SECONDS)})


def unauthorized(detail: str = "this call takes an API key: Authorization: Bearer sk_...") -> Problem:
    """401: no key, or none that is in force."""
    return Problem(
        401,
        "unauthorized",
        detail,
        headers={"WWW-Authenticate": 'Bearer realm="sluice"'},
    )


def not_found(what: str) -> Problem:
    """404, for what does not exist and for what belongs to somebody else alike."""
    return Problem(404, "not_found", f"there is no such {what}")
