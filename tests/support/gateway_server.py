"""A gateway under test behind a port of its own.

In: a `Gateway`. Out: its URL, as long as the context lasts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.app import Gateway, make_runner
from gateway.http.connection import listen
from gateway.messages.whole_requests import WHOLE_POSTS


@asynccontextmanager
async def served(gateway: Gateway) -> AsyncIterator[str]:
    """Where it listens."""
    runner = make_runner(gateway)
    await runner.setup()
    listening = await listen(runner, "127.0.0.1", 0, runner.app[WHOLE_POSTS])
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        await runner.cleanup()
