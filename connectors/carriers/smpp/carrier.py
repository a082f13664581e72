"""An SMPP carrier: several binds behind the carrier contract.

In: `send`. Out: results and receipts by callback. Each bind is kept by one task that connects, binds, waits for the
end and tries again after an exponential pause with jitter. A carrier that is down or refuses the password is no error
here: there is no room, `connected` is False and `fault` says why. TLS verifies the carrier's certificate against the
system's trust store unless another context is given.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from connectors.carriers.contract import CarrierCallbacks, NotSent, OnResult, Result, Submit
from connectors.carriers.smpp import message_id
from connectors.carriers.smpp.config import SmppConfig
from connectors.carriers.smpp.receipt_intake import Counters
from connectors.carriers.smpp.session import BindRefused, Session


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Pauses between attempts to bind: `first` seconds, doubling, at most `longest`, each times 0.5 to 1."""

    first: float = 0.5
    longest: float = 30.0

    def pause(self, failures: int, random: Callable[[], float]) -> float:
        """Seconds to wait after so many failures in a row."""
        return float(min(self.longest, self.first * 2 ** min(failures, 30)) * (0.5 + random() / 2))


class SmppCarrier:
    """Implements `connectors.carriers.contract.Carrier`. `random` gives numbers in 0..1, `clock` seconds that never
    go back."""

    def __init__(
        self,
        config: SmppConfig,
        callbacks: CarrierCallbacks,
        *,
        random: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
        backoff: Backoff | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.counters = Counters()
        self.fault: str | None = None
        self._config = config
        self._callbacks = callbacks
        self._random = random
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._tls = (tls or ssl.create_default_context()) if config.tls else None
        self._sessions: list[Session] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._leaving = asyncio.Event()

    @property
    def connected(self) -> bool:
        return any(session.taking for session in self._sessions)

    async def open(self) -> None:
        self._keepers = [asyncio.create_task(self._keep_bound()) for _ in range(self._config.binds)]

    def room(self) -> int:
        return sum([session.room() for session in self._sessions])

    def send(self, submits: Sequence[Submit], on_result: OnResult) -> None:
        """Spread over the binds, the emptiest first."""
        sent, total = 0, len(submits)
        share = -(-total // max(1, len(self._sessions)))
        while sent < total:
            session = max(self._sessions, key=Session.room, default=None)
            slots = min(session.room(), share) if session else 0
            if session is None or slots <= 0:
                unsent: list[Result] = [NotSent(ref=one.ref, sent_parts=one.first_part) for one in submits[sent:]]
                asyncio.get_running_loop().call_soon(on_result, unsent)
                return
            session.submit(submits[sent : sent + slots], on_result)
            sent += slots

    def stored_id(self, carrier_id: str) -> str:
        return message_id.stored(carrier_id, self._config.msg_id_type)

    def lookup_ids(self, receipt_id: str) -> tuple[str, ...]:
        return message_id.candidates(receipt_id, self._config.msg_id_type)

    async def close(self) -> None:
        self._leaving.set()
        await asyncio.gather(*(session.leave() for session in list(self._sessions)))
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers = []

    async def _keep_bound(self) -> None:
        failures = 0
        while not self._leaving.is_set():
            session = await self._bind()
            if session is None:
                failures += 1
            else:
                failures = 0
                self._sessions.append(session)
                self._callbacks.on_room()
                await asyncio.wait([session.closed])
                self._sessions.remove(session)
            if not self._leaving.is_set():
                await self._pause(self._backoff.pause(failures, self._random))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._leaving.wait()

    async def _bind(self) -> Session | None:
        """A bound session, or None with `fault` set."""
        patience = self._config.response_timeout_seconds
        session: Session | None = None
        try:
            async with asyncio.timeout(patience):
                _, session = await asyncio.get_running_loop().create_connection(
                    lambda: Session(self._config, self._callbacks, self._clock, self.counters),
                    self._config.host,
                    self._config.port,
                    ssl=self._tls,
                )
                await session.bound
        except (OSError, TimeoutError, BindRefused) as error:
            self.fault = f"{type(error).__name__}: {error}"
            if session is not None:
                session.abort()
            return None
        except asyncio.CancelledError:
            if session is not None:
                session.abort()
            raise
        self.fault = None
        return session
