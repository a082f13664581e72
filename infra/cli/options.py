"""The options that many commands share, and what they lead to: settings, the gateway, the store.

In: `--data`, `--config`, `-o`, `--gateway`, `--api-key`. Out: settings read from all sources, a running stack's included.
Wrong: `SettingsError` with every fault, `Refusal` when an address that is needed is not known.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.output import Format
from infra.runtime.refusal import Refusal

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from infra.client.api import Api
    from infra.postgres.admin_store import AdminStore
    from infra.settings.kafka import KafkaSettings
    from infra.settings.model import Settings

Output = Annotated[Format | None, typer.Option("--output", "-o", help="Form of the output; default: a table.")]
Data = Annotated[Path | None, typer.Option("--data", help="Data folder; default ./.sluice.")]
Config = Annotated[Path | None, typer.Option("--config", help="Settings file; default ./sluice.toml.")]
Gateway = Annotated[str | None, typer.Option("--gateway", help="URL of the gateway.")]
ApiKey = Annotated[str | None, typer.Option("--api-key", help="API key; better in SLUICE_API_KEY.")]
HoursOption = Annotated[
    str | None,
    typer.Option(
        "--window", help="Only at these hours, e.g. '09:00-20:00 mon-fri Europe/Berlin'; without a zone: recipients'."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]
NO_STACK = "start one with `sluice up`, or name it with --data, --config or SLUICE_... variables"


def find_settings(data: Path | None, config: Path | None, **flags: Any) -> Settings:
    """The settings of a command; a running stack's addresses fill what is not set."""
    from infra.settings.load import load_settings

    return load_settings({"data_dir": data, **flags}, config=config, with_stack=True).settings


def open_api(data: Path | None, config: Path | None, gateway: str | None = None, api_key: str | None = None) -> Api:
    """The gateway with the tenant's key."""
    from infra.client.api import Api

    settings = find_settings(data, config, **{"gateway.url": gateway, "api_key": api_key})
    if settings.gateway.url is None:
        raise Refusal("no gateway is known", NO_STACK)
    if settings.api_key is None:
        raise Refusal("no API key is known", "set SLUICE_API_KEY, or name the data folder of a stack with --data")
    return Api(settings.gateway.url, settings.api_key.get_secret_value())


def admin_store(data: Path | None, config: Path | None) -> AbstractContextManager[AdminStore]:
    """The operator's store."""
    from infra.postgres.admin_store import open_admin_store

    return open_admin_store(postgres_url(find_settings(data, config)))


def postgres_url(settings: Settings) -> str:
    """The operator's URL."""
    if settings.postgres.url is None:
        raise Refusal("no PostgreSQL is known", NO_STACK)
    return settings.postgres.url.get_secret_value()


def kafka_cluster(settings: Settings) -> KafkaSettings:
    """Where Kafka is and how one is let in."""
    if settings.kafka.bootstrap is None:
        raise Refusal("no Kafka is known", NO_STACK)
    return settings.kafka


def confirm(question: str, yes: bool) -> None:
    """Go on after a yes; without a terminal only `--yes` counts."""
    import sys

    if yes:
        return
    if not sys.stdin.isatty():
        raise Refusal("this needs a yes", "say --yes")
    if not typer.confirm(question, err=True):
        raise Refusal("nothing was changed")
