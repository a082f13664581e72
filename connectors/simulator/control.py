"""Change the simulator while it runs, over HTTP on loopback.

GET /script · PATCH /script with a JSON object of the fields to change (200 with the whole script, 400 with the fault) ·
GET /counters · POST /disconnect cuts all connections · POST /release with a JSON object like `held.Release` lets go what
the script's `hold` kept (200 with how many receipts that is, 400 with the fault). No authentication: never
bind it to anything but loopback.
"""

import msgspec
from aiohttp import web

from connectors.simulator.held import Release
from connectors.simulator.script import changed
from connectors.simulator.server import SimulatorServer
from schemas.values.json_words import in_words


def control_app(server: SimulatorServer) -> web.Application:
    """The five calls."""

    async def show_script(request: web.Request) -> web.Response:
        return _json(server.script)

    async def change_script(request: web.Request) -> web.Response:
        try:
            script = changed(server.script, await request.read())
        except (msgspec.DecodeError, ValueError) as error:
            return _refused(error)
        server.change(script)
        return _json(script)

    async def show_counters(request: web.Request) -> web.Response:
        counters = msgspec.structs.asdict(server.counters)
        waiting = {"waiting_receipts": server.waiting_receipts, "held_receipts": len(server.held)}
        return _json(counters | waiting | {"connections": len(server.connections)})

    async def release(request: web.Request) -> web.Response:
        try:
            wanted = msgspec.json.decode(await request.read(), type=Release)
        except (msgspec.DecodeError, ValueError) as error:
            return _refused(error)
        return _json({"receipts": server.held.release(wanted)})

    async def disconnect(request: web.Request) -> web.Response:
        server.disconnect()
        return web.Response(status=204)

    app = web.Application()
    app.router.add_get("/script", show_script)
    app.router.add_patch("/script", change_script)
    app.router.add_get("/counters", show_counters)
    app.router.add_post("/disconnect", disconnect)
    app.router.add_post("/release", release)
    return app


def _refused(error: Exception) -> web.Response:
    return web.json_response({"detail": in_words(str(error).partition(" - at ")[0])}, status=400)


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
