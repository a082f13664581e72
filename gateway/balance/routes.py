"""GET /v1/balance."""

from __future__ import annotations

from aiohttp import web

from gateway.auth.authentication import account_of
from gateway.balance.queries import read_balance
from gateway.balance.types import Balance
from gateway.http.answer import answer
from gateway.http.context import CURRENCY, POOL
from gateway.http.problem import not_found
from gateway.http.query import read_query
from schemas.values.money import format_amount


async def show_balance(request: web.Request) -> web.Response:
    """The account's money at this moment."""
    read_query(request, ())
    money = await read_balance(request.app[POOL], account_of(request).tenant)
    if money is None:
        raise not_found("balance")
    return answer(
        Balance(
            balance=format_amount(money.balance),
            reserved=format_amount(money.reserved),
            available=format_amount(money.available),
            currency=request.app[CURRENCY],
        )
    )
