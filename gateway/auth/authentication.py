"""Who is calling: the account behind `Authorization: Bearer sk_<id>_<secret>`.

Enters: a request for a path under /v1/. Leaves: its account under `ACCOUNT`, and under `BODY_RESERVATION` what memory its
body takes, until it is answered. Refused: 401; 429 over the tenant's rate; 503 while no key has ever been read. Which
tenant is meant follows from the key alone. Below /v1/admin/ the operator's key is asked for, and no account is known.
"""

from __future__ import annotations

import hmac

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.auth.accounts import ACCOUNTS, Account
from gateway.auth.rate_limits import RATE_LIMITS
from gateway.http.context import ANSWER_HEADERS, BODY_RESERVATION, LIMITS
from gateway.http.problem import unauthorized, unavailable
from infra.security.api_keys import hash_key

GUARDED = "/v1/"
ADMIN = "/v1/admin/"
OPERATOR = "operator"
"""In whose name bodies of operators are kept in memory."""
ADMIN_KEY: web.AppKey[str | None] = web.AppKey("admin_key", str)
ACCOUNT: web.RequestKey[Account] = web.RequestKey("account", Account)


@web.middleware
async def authentication(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find the account; unknown paths are 404 without asking."""
    if request.path.startswith(ADMIN) and request.match_info.http_exception is None:
        require_operator(request)
        with request.app[LIMITS].bodies.reservation(OPERATOR) as reservation:
            request[BODY_RESERVATION] = reservation
            return await handler(request)
    if request.path.startswith(GUARDED) and request.match_info.http_exception is None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        accounts = request.app[ACCOUNTS]
        account = await accounts.account(text.strip()) if scheme.lower() == "bearer" else None
        if account is None and not accounts.loaded:
            raise unavailable("database_unavailable", "the keys have not been read yet; try again")
        if account is None:
            raise unauthorized()
        request[ACCOUNT] = account
        standing = await request.app[RATE_LIMITS].take(account)
        if standing is not None:
            request[ANSWER_HEADERS] = standing.headers
        with request.app[LIMITS].bodies.reservation(account.tenant) as reservation:
            request[BODY_RESERVATION] = reservation
            return await handler(request)
    return await handler(request)


def require_operator(request: web.Request) -> None:
    """401 unless the request shows the operator's key."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    wanted = request.app[ADMIN_KEY]
    given = hash_key(text.strip() if scheme.lower() == "bearer" else "")
    # Hashes are compared, so that no time tells how much of the key was right, nor how long it is.
    if not hmac.compare_digest(given, hash_key(wanted or "")) or not wanted:
        raise unauthorized("this call takes the operator's key: Authorization: Bearer ADMIN_KEY")


def account_of(request: web.Request) -> Account:
    """The account that the request's key opened."""
    return request[ACCOUNT]
