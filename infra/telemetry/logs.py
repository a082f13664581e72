"""Logs: one JSON line an event on stderr, with a sentence, a stable `action` and ids.

In: whatever the code says through `structlog.get_logger()`. Out: lines such as
`{"time": ..., "level": "info", "role": "delay", "event": "wrote a dead letter", "action": "dead_letter", "offset": 7}`.
Numbers of people and bodies never appear: values of the type `Personal` and raw bytes are masked by type, and text that
looks like an international number is masked as a last net. A value that JSON does not know is written as its `repr`.
A line that cannot be written (the disk is full, nobody reads) is lost; whoever logs goes on. What a library repeats comes
once in ten seconds.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import orjson
import structlog

from infra.telemetry.repeats import Repeats

_NUMBER = re.compile(r"\+\d{7,15}")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Personal(str):
    """Text about a person (a destination, a body): usable as text, masked in every log."""

    __slots__ = ()


class Lossy:
    """What is written to stderr, as far as it can be.

    Trap: a fault of writing would come out where something is said, also in a library's task: a Kafka client that could not
    say that its connection broke never made another one, and its role stood still for good.
    """

    def write(self, text: str) -> None:
        """Write, or lose it."""
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Flush, or not."""
        with suppress(OSError):
            sys.stderr.flush()


def configure_logs(level: str, **fields: str | None) -> None:
    """Once per process, before the first line. `fields` (role, instance) stand in every line."""
    always = {name: value for name, value in fields.items() if value is not None}

    def add_fields(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        # Trap: context variables would do it on the main thread alone.
        return {**always, **event}

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            add_fields,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _mask,
            structlog.processors.TimeStamper(fmt="iso", key="time"),
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, Lossy())),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard module: their warnings come in the same form, the rest stays out.
    logging.basicConfig(level=logging.WARNING, handlers=[_Forward()], force=True)


def _mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        event[name] = _masked(value)
    return event


def _masked(value: Any) -> Any:
    if isinstance(value, Personal):
        return "***"
    if isinstance(value, str):
        return _NUMBER.sub("+***", value) if "+" in value else value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, dict):
        return {str(name): _masked(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(entry) for entry in value]
    return value


def _to_json(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()


class _Forward(logging.Handler):
    """Passes the records of the standard module on; one of ours brings its own `fields`. Of a library that says the same
    again and again (a client whose server is away) come one line in ten seconds and the number of those left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._repeats = Repeats(clock)

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] | None = getattr(record, "fields", None)
        if fields is None:
            left_out = self._repeats.left_out((record.name, str(record.msg)))
            if left_out is None:
                return
            fields = {"action": "library", "library": record.name} | ({"left_out": left_out} if left_out else {})
        if record.exc_info and record.exc_info[1] is not None:
            fields = {**fields, "exc_info": record.exc_info}
        logger = structlog.get_logger()
        say = (
            logger.error
            if record.levelno >= logging.ERROR
            else logger.warning
            if record.levelno >= logging.WARNING
            else logger.info
        )
        say(record.getMessage(), **fields)
