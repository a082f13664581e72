"""Settings: what a process is told from outside, read once at its start.

In: flags, environment (`SLUICE_...`, `__` nests, `..._FILE` for secrets), a TOML file, `DATA/stack.json` (CLI only).
Out: one frozen `Settings`. Earlier sources win; an empty value counts as unset. An unknown key or a bad value raises
`SettingsError` with the list of all faults. Nothing else in the product reads the environment; how it is read stands in
`load.py`, the example file and the list of variables come from `docs.py`.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from infra.settings.carriers import CarrierSettings, Identifier
from infra.settings.kafka import KafkaSettings as KafkaSettings
from infra.settings.limits import MOST_CARRIERS_OF_A_ROUTE
from infra.settings.profiles import ProfileName, ProfileSettings
from infra.settings.section import Section
from schemas.rules.route_strategies import check_strategy

CURRENCY = r"^[A-Z]{3}$"
PREFIX = r"^(\+[1-9][0-9]{0,14})?$"
Amount = Annotated[Decimal, Field(ge=0, max_digits=15, decimal_places=4)]


def _begins_with(*schemes: str) -> AfterValidator:
    def check(value: SecretStr | str) -> SecretStr | str:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not text.startswith(schemes):
            raise ValueError(f"expected a URL that begins with {' or '.join(schemes)}")
        return value

    return AfterValidator(check)


def _has_a_host(url: str) -> str:
    parts = urlsplit(url)
    try:
        parts.port  # noqa: B018  why: reading it is the check
    except ValueError as fault:
        raise ValueError("expected a port between 0 and 65535") from fault
    if not parts.hostname:
        raise ValueError("expected a URL with a host, such as http://127.0.0.1:8080")
    return url


PostgresUrl = Annotated[SecretStr, _begins_with("postgresql://", "postgres://")]
RedisUrl = Annotated[SecretStr, _begins_with("redis://", "rediss://", "unix://")]
HttpUrl = Annotated[str, _begins_with("http://", "https://"), AfterValidator(_has_a_host)]


class PostgresSettings(Section):
    """PostgreSQL."""

    url: PostgresUrl | None = Field(default=None, description="the operator's URL; `up` starts one when unset")
    app_url: PostgresUrl | None = Field(default=None, description="the gateway's URL; else `url` with SET ROLE")


class RedisSettings(Section):
    """Redis."""

    url: RedisUrl | None = Field(default=None, description="its URL; `up` starts one when unset")


class GatewaySettings(Section):
    """The HTTP gateway."""

    host: str = Field(default="127.0.0.1", min_length=1, description="the address it listens on")
    port: int = Field(default=8080, ge=0, le=65535, description="its port; 0 = any free one")
    when_stopped: Literal["hold", "refuse"] = Field(
        default="hold", description="messages under an emergency stop: kept until it is lifted, or 503"
    )
    url: HttpUrl | None = Field(default=None, description="where the command line finds it")
    max_body_bytes: int = Field(default=16 * 1024 * 1024, ge=1024, description="largest body that is not streamed")
    bodies_bytes: int = Field(
        default=256 * 1024 * 1024, ge=1024, description="bodies in memory, all together; a tenant gets a quarter"
    )
    max_text_characters: int = Field(
        default=20_000_000, ge=40_000, description="a preview's or campaign's texts, all together"
    )
    uploads: int = Field(default=64, ge=1, le=10_000, description="uploads at a time; a tenant gets a quarter")
    max_upload_bytes: int = Field(default=1024 * 1024 * 1024, ge=1024, description="largest upload of recipients")
    upload_seconds: int = Field(default=3600, ge=1, description="an upload's bytes may take so long")
    spool_bytes: int = Field(
        default=8 * 1024 * 1024 * 1024, ge=1024, description="uploads on disk, all together; a tenant gets a quarter"
    )


class SchedulerSettings(Section):
    """The releasers: what waits, and goes on when its time has come."""

    enabled: bool = Field(default=True, description="whether releasers of this configuration let anything go")
    interval: float = Field(default=0.1, ge=0.01, le=10, description="seconds between looks while anything goes on")
    batch_size: int = Field(default=256, ge=1, le=5_000, description="rows of the waiting room taken at a time")
    max_concurrent: int = Field(default=4, ge=1, le=64, description="campaigns served side by side by one releaser")


class SinksSettings(Section):
    """What topics say becomes rows."""

    receipt_seconds: float = Field(
        default=60.0, ge=0, le=3600, description="most receipts come within; ids that wait longer get rows of their own"
    )


class TelemetrySettings(Section):
    """Logs."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="of all roles")


class RouteSettings(Section):
    """One route as seeded from the file; the longest prefix wins."""

    prefix: str = Field(pattern=PREFIX, description='"+49"; "" is the default route')
    carriers: list[Identifier] = Field(
        min_length=1, max_length=MOST_CARRIERS_OF_A_ROUTE, description="the carriers' ids, the preferred one first"
    )
    price: Amount = Field(description="per segment, at most four places")
    strategy: Literal["order", "cheapest", "weighted"] = Field(default="order", description="which carrier comes first")
    costs: list[Amount] = Field(
        default_factory=list,
        max_length=MOST_CARRIERS_OF_A_ROUTE,
        description="cheapest: what a segment costs you with each of them",
    )
    weights: list[int] = Field(
        default_factory=list, max_length=MOST_CARRIERS_OF_A_ROUTE, description="weighted: the share of each of them"
    )

    @model_validator(mode="after")
    def _lists_go_with_the_strategy(self) -> RouteSettings:
        fault = check_strategy(self.strategy, self.carriers, self.costs, self.weights)
        if fault is not None:
            raise ValueError(fault)
        return self


class SimulatorSettings(Section):
    """The simulated carrier, run when a carrier of kind simulator is configured or none at all."""

    host: str = Field(default="127.0.0.1", min_length=1, description="the address it listens on")
    port: int = Field(default=2775, ge=0, le=65535, description="its port; `up` takes a free one when left out")
    log: Path | None = Field(default=None, description="file of every submit it saw; unset = none")
    script: dict[str, object] = Field(default_factory=dict, description="how it behaves; JSON in the environment")
    control_port: int | None = Field(
        default=None, ge=1, le=65535, description="port on loopback where its script may be changed; unset = none"
    )


class Settings(Section):
    """Everything a role or a command may know."""

    data_dir: Path = Field(default=Path(".sluice"), description="the data folder")
    cache_dir: Path | None = Field(default=None, description="Kafka's jars; unset = the user's cache folder")
    keyring: Path | None = Field(default=None, description="file of the master keys; unset = DATA/keyring.json")
    api_key: SecretStr | None = Field(default=None, description="the key that the command line uses")
    admin_key: SecretStr | None = Field(default=None, min_length=16, description="of operators over HTTP: /v1/admin/...")
    currency: str = Field(default="EUR", pattern=CURRENCY, description="one per installation")
    kafka: KafkaSettings = KafkaSettings()
    postgres: PostgresSettings = PostgresSettings()
    redis: RedisSettings = RedisSettings()
    gateway: GatewaySettings = GatewaySettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    sinks: SinksSettings = SinksSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    simulator: SimulatorSettings = SimulatorSettings()
    carriers: list[CarrierSettings] = Field(default_factory=list)
    routes: list[RouteSettings] = Field(default_factory=list)
    profiles: dict[ProfileName, ProfileSettings] = Field(default_factory=dict)

    @property
    def keyring_path(self) -> Path:
        """The keyring's file."""
        return self.keyring or self.data_dir / "keyring.json"


class SettingsError(ValueError):
    """The settings cannot be used; `faults` names each one with its source and mend."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
