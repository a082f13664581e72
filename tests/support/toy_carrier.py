"""A carrier kind to copy: an HTTP API that takes a message whole. In the product `ToySettings` stands in
`infra/settings/carriers.py`, `ToyCarrier` in a module of `connectors/carriers/`, and the row of `TOYS` in its registry.

In: messages, by POST /messages. Out: what the answer's status means; receipts by GET /receipts, numbered, confirmed by POST
/receipts/confirmed when they are safe. What can go wrong with a request is judged by `HttpCarrier`.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import aiohttp
import msgspec
from pydantic import Field, SecretStr

from connectors.carriers.contract import (
    Accepted,
    CarrierCallbacks,
    FailureClass,
    Receipt,
    Refused,
    Result,
    Submit,
    Throttled,
    Unreadable,
)
from connectors.carriers.http_carrier import HttpCarrier
from connectors.carriers.registry import REGISTRY, Kind, Registry
from infra.settings.carriers import KindSettings
from schemas.values.foreign_text import ID_LENGTH, clean
from schemas.values.status import RECEIPT_STATES

KLASS: dict[int, FailureClass] = {400: "permanent", 503: "transient"}


class ToySettings(KindSettings):
    """One account at the API."""

    secret_field: ClassVar[str] = "token"
    sends_whole: ClassVar[bool] = True

    url: str = Field(pattern="^https?://", description="where the API is")
    token: SecretStr = Field(default=SecretStr(""), description="the account's token")
    response_timeout_seconds: float = Field(default=10.0, gt=0, le=300, description="a message unanswered is uncertain")
    look_seconds: float = Field(default=1.0, gt=0, le=60, description="it is asked for receipts this often")


class ToyCarrier(HttpCarrier):
    """One connection of these settings."""

    def __init__(self, settings: ToySettings, callbacks: CarrierCallbacks, *, window: int, binds: int) -> None:
        headers = {"Authorization": f"Bearer {settings.token.get_secret_value()}"}
        times = {"patience": settings.response_timeout_seconds, "pause": settings.look_seconds}
        super().__init__(callbacks, window=window, binds=binds, headers=headers, **times)
        self._url = settings.url
        self._seen = 0  # the number of the newest receipt

    async def submit_one(self, http: aiohttp.ClientSession, submit: Submit) -> Result:
        message = {"id": submit.message_id, "from": submit.sender, "to": submit.destination, "text": submit.text}
        async with http.post(f"{self._url}/messages", json=message, allow_redirects=False) as answer:
            said = await answer.read()
        match answer.status:
            case 200:
                return Accepted(ref=submit.ref, ids=(clean(msgspec.json.decode(said)["id"], ID_LENGTH),))
            case 429:
                return Throttled(ref=submit.ref, code="429")
            case status:
                return Refused(ref=submit.ref, code=str(status), klass=KLASS.get(status, "unknown"))

    async def poll(self, http: aiohttp.ClientSession, *, first: bool) -> None:
        self._seen = 0 if first else self._seen
        async with http.get(f"{self._url}/receipts", params={"after": self._seen}, raise_for_status=True) as answer:
            found = msgspec.json.decode(await answer.read(), type=list[tuple[int, str]])
        if found:
            read = [_read(raw) for _, raw in found]
            self._seen = found[-1][0]
            readable = [one for one in read if isinstance(one, Receipt)]
            confirm = partial(self._confirm, http, self._seen)
            self.hand_over(readable, [one for one in read if isinstance(one, Unreadable)], confirm)

    async def _confirm(self, http: aiohttp.ClientSession, number: int) -> None:
        async with http.post(f"{self._url}/receipts/confirmed", json=number, raise_for_status=True):
            return


def _read(raw: str) -> Receipt | Unreadable:
    one = msgspec.json.decode(raw)
    if one.get("state") not in RECEIPT_STATES:
        return Unreadable(raw=raw.encode(), why=f"state {one.get('state')!r}")
    return Receipt(
        carrier_message_id=clean(one["id"], ID_LENGTH),
        state=one["state"],
        code="",
        destination=one["to"],
        done_at=one["done_at"],
    )


TOYS: Registry = {**REGISTRY, "toy": Kind(ToySettings, ToyCarrier)}
