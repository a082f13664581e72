"""Every sink there is. A new one: a file with its class, its `.sql` beside it, and one row here.

In: the sealer that opens personal columns, the settings. Out: fresh sinks, for one process. Nothing can go wrong here.
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.sinks.attempts import AttemptsSink
from connectors.sinks.contract import Sink
from connectors.sinks.dead_letters import DeadLettersSink
from connectors.sinks.held import HeldSink
from connectors.sinks.ingest import IngestSink
from connectors.sinks.message_events import MessageEventsSink
from connectors.sinks.usage import UsageSink
from infra.security.sealing import Sealer
from infra.settings.model import SinksSettings

DEFAULTS = SinksSettings()
SINKS: tuple[Callable[[Sealer, SinksSettings], Sink], ...] = (
    lambda sealer, _: IngestSink(sealer),
    lambda *_: MessageEventsSink(),
    lambda _, settings: AttemptsSink(settings.receipt_seconds),
    lambda *_: HeldSink(),
    lambda *_: UsageSink(),
    lambda *_: DeadLettersSink(),
)


def make_sinks(sealer: Sealer, settings: SinksSettings = DEFAULTS) -> list[Sink]:
    """One of each."""
    return [make(sealer, settings) for make in SINKS]
