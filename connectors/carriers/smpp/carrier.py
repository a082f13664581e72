"""An SMPP carrier: several binds behind the carrier contract.

In: `send`. Out: results and receipts by callback. Each bind is kept by one task that connects, binds, waits for the
end and tries again after an exponential pause with jitter; there may be more or fewer of them at any time, and never
more than asked for: a new one waits until those that take leave have gone. With `bind = "separate"` they are transmitters,
and of two and more one is a receiver; with `receiver` all are, and nothing is sent. A carrier that is down or refuses the
password is no error here: there is no room, `connected` is False and `fault` says why. TLS verifies the carrier's
certificate against the system's trust store unless another context is given.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import random

import msgspec

from connectors.carriers.contract import CarrierCallbacks, NotSent, OnResult, Result, Submit, check_size
from connectors.carriers.smpp import message_id, pdu
from connectors.carriers.smpp.link import BindRefused
from connectors.carriers.smpp.receipt_intake import Counters
from connectors.carriers.smpp.session import Session
from infra.settings.carriers import SmppSettings

BIND_KINDS = (pdu.BIND_RECEIVER, pdu.BIND_TRANSMITTER, pdu.BIND_TRANSCEIVER)


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Pauses between attempts to bind: `first` seconds, doubling, at most `longest`, each times 0.5 to 1."""

    first: float = 0.5
    longest: float = 30.0

    def pause(self, failures: int, random: Callable[[], float]) -> float:
        """Seconds to wait after so many failures in a row."""
        return float(min(self.longest, self.first * 2 ** min(failures, 30)) * (0.5 + random() / 2))


@dataclass(slots=True, eq=False)
class BindTask:
    """The one that keeps a bind. `bind_as`: the command that asks for it; `session`: while it is bound."""

    bind_as: int
    leaving: asyncio.Event
    session: Session | None = None
    task: asyncio.Task[None] | None = None


class SmppCarrier:
    """Implements `connectors.carriers.contract.Carrier`. `random` gives numbers in 0..1, `clock` seconds that never
    go back."""

    def __init__(
        self,
        config: SmppSettings,
        callbacks: CarrierCallbacks,
        *,
        window: int,
        binds: int,
        random: Callable[[], float] = random,
        clock: Callable[[], float] = time.monotonic,
        backoff: Backoff | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.counters = Counters()
        self.fault: str | None = None
        check_size(window, binds)
        self._config = config
        self._window = window
        self._binds = binds
        self._callbacks = callbacks
        self._random = random
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._tls = (tls or ssl.create_default_context()) if config.tls else None
        self._sessions: list[Session] = []
        self._bind_tasks: list[BindTask] = []
        self._going: set[asyncio.Task[None]] = set()  # those that take leave
        self._open = False

    @property
    def connected(self) -> bool:
        return any(session.taking or self._config.bind == "receiver" for session in self._sessions)

    async def open(self) -> None:
        self._open = True
        self._keep_as_many_as_asked_for()

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

    def seen(self) -> Mapping[str, int]:
        return self.counters.by_kind()

    @property
    def ids_may_clash(self) -> bool:
        return self._config.msg_id_type == "auto"  # then an id is looked up in forms that may be another one's

    def stored_id(self, carrier_id: str) -> str:
        return message_id.stored(carrier_id, self._config.msg_id_type)

    def lookup_ids(self, receipt_id: str) -> tuple[str, ...]:
        return message_id.candidates(receipt_id, self._config.msg_id_type)

    async def resize(self, window: int, binds: int) -> None:
        check_size(window, binds)
        self._window, self._binds = window, binds
        for session in self._sessions:
            session.window = window
        if self._open:
            self._keep_as_many_as_asked_for()
            asyncio.get_running_loop().call_soon(self._callbacks.on_room)
            await self._until_gone()

    async def close(self) -> None:
        self._open = False
        for bind_task in self._bind_tasks:
            self._dismiss(bind_task)
        self._bind_tasks = []
        await self._until_gone()

    def _keep_as_many_as_asked_for(self) -> None:
        wanted = binds_wanted(self._config.bind, self._binds)
        for bind_as in BIND_KINDS:
            present = [one for one in self._bind_tasks if one.bind_as == bind_as]
            for bind_task in sorted(present, key=lambda one: one.session is None)[wanted.count(bind_as) :]:
                self._bind_tasks.remove(bind_task)
                self._dismiss(bind_task)
        for bind_as in BIND_KINDS:
            present = [one for one in self._bind_tasks if one.bind_as == bind_as]
            for _ in range(wanted.count(bind_as) - len(present)):
                bind_task = BindTask(bind_as, asyncio.Event())
                bind_task.task = asyncio.create_task(self._keep_bound(bind_task))
                self._bind_tasks.append(bind_task)

    def _dismiss(self, bind_task: BindTask) -> None:
        bind_task.leaving.set()
        task = asyncio.create_task(_take_leave(bind_task))
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def _until_gone(self) -> None:
        if self._going:
            await asyncio.wait(set(self._going))

    async def _keep_bound(self, bind_task: BindTask) -> None:
        await self._until_gone()
        failures = 0
        while not bind_task.leaving.is_set():
            bind_task.session = session = await self._bind(bind_task.bind_as)
            if session is None:
                failures += 1
            else:
                failures = 0
                session.window = self._window
                self._sessions.append(session)
                self._callbacks.on_room()
                try:
                    await asyncio.wait([session.closed])
                finally:
                    self._sessions.remove(session)
                    bind_task.session = None
            if not bind_task.leaving.is_set():
                await self._pause(bind_task, self._backoff.pause(failures, self._random))

    async def _pause(self, bind_task: BindTask, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await bind_task.leaving.wait()

    async def _bind(self, bind_as: int) -> Session | None:
        """A bound session, or None with `fault` set."""
        patience = self._config.response_timeout_seconds
        session: Session | None = None
        try:
            async with asyncio.timeout(patience):
                _, session = await asyncio.get_running_loop().create_connection(
                    lambda: Session(self._config, self._window, self._callbacks, self._clock, self.counters, bind_as),
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


def binds_wanted(bind: str, count: int) -> list[int]:
    """The kinds of `count` connections, by the setting `bind`."""
    match bind:
        case "separate":
            return [pdu.BIND_RECEIVER] * (count > 1) + [pdu.BIND_TRANSMITTER] * (count - (count > 1))
        case "receiver":
            return [pdu.BIND_RECEIVER] * count
        case _:
            return [pdu.BIND_TRANSCEIVER] * count


async def _take_leave(bind_task: BindTask) -> None:
    """After the answers, if it is bound."""
    if bind_task.session is not None:
        await bind_task.session.leave()
    if bind_task.task is not None:
        bind_task.task.cancel()
        await asyncio.gather(bind_task.task, return_exceptions=True)
