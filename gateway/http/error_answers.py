"""Whatever a handler raises becomes an answer that says so; nothing of our insides goes out.

Enters: exceptions. Leaves: `application/problem+json` (RFC 9457), or what else the application's `PROBLEM_FORMS` say.
A lost PostgreSQL is 503; what nobody foresaw is logged with the request's id and is 500.
"""

from __future__ import annotations

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.http.context import METRICS, REQUEST_ID
from gateway.http.problem import PROBLEM_JSON, RETRY_SECONDS, Problem, ProblemForm, form_of, unavailable
from infra.postgres.pool import DatabaseDown, TenantBusy

PROBLEM_FORMS: web.AppKey[tuple[ProblemForm, ...]] = web.AppKey("problem_forms", tuple)
log = structlog.get_logger()
_CODES = {
    404: ("not_found", "there is no such path"),
    405: ("method_not_allowed", "this path has other methods"),
    413: ("too_large", "the body is too large"),
}


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer, or explain why not."""
    try:
        return await handler(request)
    except Problem as fault:
        problem = fault
    except web.HTTPException as fault:
        code, detail = _CODES.get(fault.status, ("bad_request", fault.reason))
        headers = {"Allow": fault.headers["Allow"]} if "Allow" in fault.headers else {}
        problem = Problem(fault.status, code, detail, headers=headers)
    except TenantBusy:
        detail = "one account has a share of the connections to PostgreSQL, and its other calls use them all; try again"
        problem = Problem(429, "tenant_overloaded", detail, headers={"Retry-After": str(RETRY_SECONDS)})
    except DatabaseDown as fault:
        request.app[METRICS].count("sluice_dependency_failures_total", "postgres")
        log.warning("PostgreSQL cannot be reached", action="database_down", request=request[REQUEST_ID], error=str(fault))
        problem = unavailable("database_unavailable", "this call needs PostgreSQL, which is away; try again")
    except ConnectionResetError:
        raise
    except Exception:  # why: the last frame of a request; the client gets an answer and the log gets the cause
        log.exception("a request failed", action="request_failed", request=request[REQUEST_ID])
        problem = Problem(500, "internal", "this is our fault; the log knows the request by its id")
    forms = request.app[PROBLEM_FORMS]
    return to_response(problem, form_of(request.path, forms), request.method)


def to_response(problem: Problem, form: ProblemForm = PROBLEM_JSON, method: str = "") -> web.Response:
    """The answer that says this; the connection ends with it where the rest of a body is not wanted."""
    response = web.Response(
        status=problem.status, body=form.render(problem, method), content_type=form.content_type, headers=problem.headers
    )
    if problem.status in (408, 413):
        response.force_close()
    return response
