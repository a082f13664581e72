"""GET /v1/balance."""

from __future__ import annotations

from aiohttp import web

from gateway.answers import Balance
from gateway.http.problem import not_found
from gateway.http.query import read_query
from gateway.state import account_of, answer, gateway_of
from infra.postgres.pool import fetch_one, tenant_transaction
from infra.postgres.sql import load_sql
from schemas.values.money import format_amount


async def show_balance(request: web.Request) -> web.Response:
    """The account's money at this moment."""
    read_query(request, ())
    gateway, tenant = gateway_of(request), account_of(request).tenant
    async with tenant_transaction(gateway.pool, tenant) as connection:
        row = await fetch_one(connection, load_sql("gateway.balance", "read_balance"), {"tenant": tenant})
    if row is None:
        raise not_found("balance")
    balance, reserved = row
    return answer(Balance(balance=format_amount(balance), reserved=format_amount(reserved),
                          available=format_amount(balance - reserved), currency=gateway.currency))
