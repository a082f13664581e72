"""The API that the toy carrier speaks to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec
from aiohttp import web

from connectors.carriers.contract import Carrier, CarrierCallbacks, FailureClass
from infra.settings.carriers import KindSettings
from tests.support.carrier_peers.peer import Case, Manners, Seen
from tests.support.carrier_peers.scripted import Answer, Due, ScriptedPeer
from tests.support.toy_carrier import TOYS

STATUS = {"permanent": 400, "transient": 503, "unknown": 418}


class ToyPeer(ScriptedPeer):
    """`Peer` of kind `toy`."""

    kind: ClassVar[str] = "toy"
    codes: ClassVar[Mapping[FailureClass, str]] = {"permanent": "400", "transient": "503", "unknown": "418"}
    cannot: ClassVar[Mapping[Case, str]] = {
        Case.SEGMENTS: "the API takes a message whole",
        Case.CONNECTIONS: "HTTP's connections are nobody's matter; only requests count",
        Case.LATE_ANSWERS: "a request that was given up is closed, and its answer with it",
        Case.ID_FORMS: "the API writes its ids in one way",
        Case.LONG_ADDRESS: "JSON has no longest string",
    }
    connections = 0

    def __init__(self) -> None:
        super().__init__()
        self._receipts: list[tuple[int, str]] = []
        self._number = self._open = self._submits = 0
        self._looks_to_cut = 0
        app = web.Application()
        app.add_routes(
            [
                web.post("/messages", self._message),
                web.get("/receipts", self._looked),
                web.post("/receipts/confirmed", self._confirmed),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        self._url = ""

    async def start(self, manners: Manners) -> None:
        self.manners = manners
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    def settings(self, patience: float) -> KindSettings:
        row = {"url": self._url, "response_timeout_seconds": patience, "look_seconds": 0.02}
        return TOYS["toy"].settings.from_columns(row, "secret")

    def connect(self, settings: KindSettings, callbacks: CarrierCallbacks, *, window: int, binds: int) -> Carrier:
        return TOYS["toy"].connect(settings, callbacks, window=window, binds=binds)

    def cut(self) -> None:
        self._looks_to_cut = 2  # a GET is tried once more by itself

    def send(self, receipts: Sequence[Due]) -> None:
        for one in receipts:
            self._number += 1
            row = {"id": one.id, "to": one.destination, "state": one.state, "done_at": time.time()}
            self._receipts.append((self._number, msgspec.json.encode(row).decode()))

    async def _message(self, request: web.Request) -> web.StreamResponse:
        message = await request.json()
        self._submits += 1
        if self.manners.cut_after and self._submits % self.manners.cut_after == 0:
            return _abort(request)
        self._open += 1
        self.most_unanswered = max(self.most_unanswered, self._open)
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        try:
            self.submitted(Seen(message["to"], ""), lambda one: None if answered.done() else answered.set_result(one))
            answer = await answered
        finally:
            self._open -= 1
        if answer.throttled:
            return web.Response(status=429)
        return web.Response(status=STATUS[answer.refused]) if answer.refused else web.json_response({"id": answer.id})

    async def _looked(self, request: web.Request) -> web.StreamResponse:
        if self.manners.refuses_account:
            self.refused_connections += 1
            return web.Response(status=401)
        if self._looks_to_cut:
            self._looks_to_cut -= 1
            return _abort(request)
        after = int(request.query["after"])
        self.accepted_connections += after == 0
        return web.json_response([row for row in self._receipts if row[0] > after])

    async def _confirmed(self, request: web.Request) -> web.StreamResponse:
        number = await request.json()
        before = len(self._receipts)
        self._receipts = [row for row in self._receipts if row[0] > number]
        self.confirmed += before - len(self._receipts)
        return web.Response()


def _abort(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
