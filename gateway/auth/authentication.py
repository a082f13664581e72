"""Who is calling: the account behind `Authorization: Bearer sk_<id>_<secret>`.

Enters: a request for a path under /v1/. Leaves: its account under `ACCOUNT`, and under `HELD` what memory its body takes,
until it is answered. Refused: 401; 503 while no key has ever been read. Which tenant is meant follows from the key alone.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.http.problem import unauthorized, unavailable
from gateway.state import ACCOUNT, HELD, gateway_of

GUARDED = "/v1/"


@web.middleware
async def authentication(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find the account; unknown paths are 404 without asking."""
    if request.path.startswith(GUARDED) and request.match_info.http_exception is None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        accounts = gateway_of(request).accounts
        account = await accounts.account(text.strip()) if scheme.lower() == "bearer" else None
        if account is None and not accounts.loaded:
            raise unavailable("database_unavailable", "the keys have not been read yet; try again")
        if account is None:
            raise unauthorized()
        request[ACCOUNT] = account
        with gateway_of(request).bounds.bodies.hold(account.tenant) as held:
            request[HELD] = held
            return await handler(request)
    return await handler(request)
