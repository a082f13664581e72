"""/v1/admin/stops: emergency stops, with the operator's key.

Enters: what is to stop. Leaves: the stops in force; every role knows them within about a second. What is stopped waits, or
is refused where the settings say so, and goes on when the stop is lifted. Refused: 404 for a tenant or a carrier that there
is not, and for the end of a stop that is not in force; 503 while PostgreSQL is away.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from gateway.auth.accounts import ACCOUNTS
from gateway.http.answer import answer
from gateway.http.body import read_json
from gateway.http.context import LIMITS, POOL, now_ms
from gateway.http.fields import instant
from gateway.http.problem import not_found, refusal
from gateway.http.query import read_query
from gateway.stops.types import ShownStop, StopRequest, Stops
from infra.postgres.pool import Connection, execute, fetch_all, fetch_one, transaction
from infra.postgres.sql import load_sql
from schemas.values.sender import SenderError, parse_sender

_DECODER = msgspec.json.Decoder(StopRequest)


async def show_stops(request: web.Request) -> web.Response:
    """Those in force."""
    read_query(request, ())
    async with transaction(request.app[POOL]) as connection:
        return answer(await _stops(connection))


async def set_stop(request: web.Request) -> web.Response:
    """200 with the stops once it is in force; one that is in force already stays."""
    wanted = await _read(request)
    async with transaction(request.app[POOL]) as connection:
        await _check_target(connection, wanted)
        await execute(connection, _sql("set_stop"), _values(wanted))
        stops = await _stops(connection)
    await request.app[ACCOUNTS].refresh()
    return answer(stops)


async def lift_stop(request: web.Request) -> web.Response:
    """200 with the stops that are left."""
    wanted = await _read(request)
    async with transaction(request.app[POOL]) as connection:
        if not await execute(connection, _sql("lift_stop"), _values(wanted)):
            raise not_found("stop")
        stops = await _stops(connection)
    await request.app[ACCOUNTS].refresh()
    return answer(stops)


async def _read(request: web.Request) -> StopRequest:
    read_query(request, ())
    wanted, _ = await read_json(request, _DECODER, request.app[LIMITS].body_bytes)
    if (wanted.kind == "all") != (not wanted.name):
        raise refusal("/name", "bad_value", "a name goes with every kind but all")
    if wanted.kind == "sender" and request.method == "POST":
        _check_sender(wanted.name)
    return wanted


def _check_sender(name: str) -> None:
    """One that no message can have would stop nothing."""
    try:
        parse_sender(name)
    except SenderError as fault:
        raise refusal("/name", fault.code, fault.detail) from None


async def _check_target(connection: Connection, wanted: StopRequest) -> None:
    row = await fetch_one(connection, _sql("stop_target"), {"name": wanted.name})
    carrier, tenant = row or (False, False)
    if (wanted.kind == "carrier" and not carrier) or (wanted.kind == "tenant" and not tenant):
        raise not_found(f"{wanted.kind} {wanted.name!r}; `name` is its id")


async def _stops(connection: Connection) -> Stops:
    rows = await fetch_all(connection, _sql("list_stops"), {})
    return Stops(stops=[ShownStop(kind=kind, name=name, since=instant(since)) for kind, name, since in rows])


def _values(wanted: StopRequest) -> dict[str, object]:
    return {"kind": wanted.kind, "name": wanted.name, "at": now_ms()}


def _sql(name: str) -> str:
    return load_sql("gateway.stops", name)
