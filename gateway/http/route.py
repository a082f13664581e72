"""One row of the table of routes: what the application serves and the OpenAPI document says of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
JSON = "application/json"


class Route(NamedTuple):
    """`body`, `answer`: types of JSON; `takes`, `gives`: their media types, where a table of `csv` is an example of the
    last one taken. `refusals`: every status other than `status`. `idempotent`: takes `Idempotency-Key`."""

    method: str
    path: str
    handler: Handler
    summary: str
    status: int = 200
    body: Any = None
    answer: Any = None
    takes: tuple[str, ...] = (JSON,)
    gives: str = JSON
    csv: str | None = None
    query: tuple[str, ...] = ()
    refusals: tuple[int, ...] = ()
    idempotent: bool = False

    @property
    def guarded(self) -> bool:
        """Whether it takes a key."""
        return self.path.startswith("/v1/")

    @property
    def for_operators(self) -> bool:
        """Whether that key is the operator's."""
        return self.path.startswith("/v1/admin/")

    @property
    def operation(self) -> str:
        """Its name in the document."""
        return f"registry_{self.handler.__name__}" if self.path.startswith("/registry") else self.handler.__name__
