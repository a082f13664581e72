"""The command `sluice`: its table of contents, and how faults become a sentence and an exit code.

In: the command line. Out: exit 0 done, 1 refused or failed, 2 wrong usage. Each verb stands in a file of its own and
imports what it needs when it runs, so that `sluice --help` stays quick.
"""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from infra.cli import (
    balance,
    campaign,
    campaign_preview,
    carrier,
    check,
    config,
    db,
    demo,
    dlq,
    doctor,
    key,
    lag,
    message,
    panic,
    profile,
    ps,
    route,
    run,
    scheduler,
    send,
    services,
    tenant,
    topics,
    up,
)
from infra.cli import bench as bench
from infra.kernels import loader as kernels
from infra.runtime.refusal import Refusal
from infra.settings.environment import forget_others

app = typer.Typer(
    name="sluice",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Messaging campaigns through Kafka.",
    context_settings={"help_option_names": ["--help", "-h"]},
)
COMMANDS = (
    up.up,
    demo.demo,
    ps.ps,
    run.run,
    send.send,
    campaign_preview.preview,
    panic.panic,
    lag.lag,
    doctor.doctor,
    check.verify,
    bench.bench,
)
GROUPS = {
    "services": services.app,
    "campaign": campaign.app,
    "message": message.app,
    "carrier": carrier.app,
    "route": route.app,
    "profile": profile.app,
    "tenant": tenant.app,
    "key": key.app,
    "balance": balance.app,
    "scheduler": scheduler.app,
    "dlq": dlq.app,
    "topics": topics.app,
    "db": db.app,
    "config": config.app,
}
for _command in COMMANDS:
    app.command()(_command)
for _name, _group in GROUPS.items():
    app.add_typer(_group, name=_name)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"sluice {version('sluiceway')}")
        raise typer.Exit


@app.callback()
def root(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False) -> None:
    """Messaging campaigns through Kafka."""


def main() -> None:
    """The entry point."""
    kernels.begin()
    forget_others()
    _speak_in_any_locale()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as fault:
        sentences = explain(fault)
        if sentences is None:
            raise
        sys.stderr.write("".join(f"{sentence}\n" for sentence in sentences))
        sys.exit(1)


def _speak_in_any_locale() -> None:
    """What programs read is UTF-8; a terminal that lacks a character shows it as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")


def explain(fault: BaseException) -> list[str] | None:
    """What to tell a person; None for a fault of our own, which shows where it happened."""
    from infra.settings.model import SettingsError

    if isinstance(fault, SettingsError):
        return [f"settings: {sentence}" for sentence in fault.faults]
    if isinstance(fault, Refusal):
        return [f"error: {fault.problem}", *([f"next: {fault.next_step}"] if fault.next_step else [])]
    if isinstance(fault, UnicodeEncodeError) and fault.reason == "surrogates not allowed":
        return ["error: an argument holds bytes that are no UTF-8", "next: see how your terminal or script encodes text"]
    kinds = {type(fault).__name__, *(kind.__name__ for kind in type(fault).__mro__)}
    if kinds & {"ServiceError", "AdminStoreError", "KeyringError", "SecretError", "LogUnreadable"}:
        return [f"error: {fault}"]
    if "TopicError" in kinds:
        return [f"error: {fault}", "next: see `sluice doctor`"]
    if "OperationalError" in kinds:
        from infra.supervisor.service_answers import postgres_mend

        words = str(fault).strip().splitlines()[0]
        return [f"error: PostgreSQL does not answer: {words}", f"next: {postgres_mend(words)}"]
    if "NumericValueOutOfRange" in kinds:
        return ["error: a number is larger than the database can keep"]
    if kinds & {"UndefinedTable", "UndefinedColumn"}:
        return ["error: the database lacks its tables", "next: `sluice db upgrade`"]
    if "KafkaException" in kinds:
        from infra.cli.probes import kafka_words

        return [
            f"error: Kafka does not answer: {kafka_words(fault)}",
            "next: start the stack with `sluice up`, or see `sluice doctor`",
        ]
    return None


if __name__ == "__main__":
    main()
