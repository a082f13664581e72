"""Who is calling: the account behind `Authorization: Bearer sk_<id>_<secret>`.

Enters: a request for a path under /v1/. Leaves: its account under `ACCOUNT`, and under `BODY_RESERVATION` what memory its
body takes, until it is answered. Refused: 401; 503 while no key has ever been read. Which tenant is meant follows from the
key alone.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.auth.accounts import ACCOUNTS, Account
from gateway.http.context import BODY_RESERVATION, LIMITS
from gateway.http.problem import unauthorized, unavailable

GUARDED = "/v1/"
ACCOUNT: web.RequestKey[Account] = web.RequestKey("account", Account)


@web.middleware
async def authentication(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find the account; unknown paths are 404 without asking."""
    if request.path.startswith(GUARDED) and request.match_info.http_exception is None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        accounts = request.app[ACCOUNTS]
        account = await accounts.account(text.strip()) if scheme.lower() == "bearer" else None
        if account is None and not accounts.loaded:
            raise unavailable("database_unavailable", "the keys have not been read yet; try again")
        if account is None:
            raise unauthorized()
        request[ACCOUNT] = account
        with request.app[LIMITS].bodies.reservation(account.tenant) as reservation:
            request[BODY_RESERVATION] = reservation
            return await handler(request)
    return await handler(request)


def account_of(request: web.Request) -> Account:
    """The account that the request's key opened."""
    return request[ACCOUNT]
