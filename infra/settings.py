"""Settings: what a process is told from outside, read once at its start.

In: flags, environment (`SLUICE_...`, `__` nests, `..._FILE` for secrets), a TOML file, `DATA/stack.json` (CLI only).
Out: one frozen `Settings`. Earlier sources win; an empty value counts as unset. An unknown key or a bad value raises
`SettingsError` with the list of all faults. Nothing else in the product reads the environment.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
Amount = Annotated[Decimal, Field(ge=0, max_digits=15, decimal_places=4)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(_Section):
    """Where Kafka is; `replication` of the topics that `topics apply` makes."""

    bootstrap: str | None = None
    replication: int = Field(default=1, ge=1, le=7)


class PostgresSettings(_Section):
    """`url` is the operator's; `app_url` the gateway's (default: `url` and SET ROLE sluice_app)."""

    url: SecretStr | None = None
    app_url: SecretStr | None = None


class RedisSettings(_Section):
    """Where Redis is."""

    url: SecretStr | None = None


class GatewaySettings(_Section):
    """The HTTP gateway; `url` is what the CLI calls."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    url: str | None = None
    max_body_bytes: int = Field(default=16 * 1024 * 1024, ge=1024)


class TelemetrySettings(_Section):
    """`otlp_endpoint`: where spans and metrics go; nowhere by default. `log_level` of all roles."""

    otlp_endpoint: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class SmppSettings(_Section):
    """One SMSC, as its operator gave it."""

    host: str
    port: int = Field(ge=1, le=65535)
    system_id: str = Field(max_length=15)
    password: SecretStr = SecretStr("")
    bind: Literal["transceiver"] = "transceiver"
    enquire_link_seconds: int = Field(default=30, ge=1, le=3600)
    tls: bool = False
    msg_id_type: Literal["auto", "same", "hex-dec", "dec-hex"] = "auto"
    response_timeout_seconds: float = Field(default=10.0, gt=0, le=300)


class CarrierSettings(_Section):
    """One carrier as seeded from the file; afterwards PostgreSQL has it."""

    id: Identifier
    kind: Literal["smpp", "simulator"]
    rate: int = Field(ge=1, description="segments per second that the contract allows")
    window: int = Field(default=10, ge=1, le=100_000)
    binds: int = Field(default=2, ge=2, le=50)
    receipt_wait_seconds: int = Field(default=259_200, ge=1)
    one_receipt_for_all_parts: bool = False
    smpp: SmppSettings | None = None


class RouteSettings(_Section):
    """Longest prefix wins; "" is the default route."""

    prefix: str = Field(pattern=r"^(\+[1-9][0-9]{0,14})?$")
    carriers: list[Identifier] = Field(min_length=1, max_length=1)
    price: Amount


class SimulatorSettings(_Section):
    """The simulated SMSC: where it listens, how it behaves (see `sluice run simulator --help`)."""

    host: str = "127.0.0.1"
    port: int = Field(default=2775, ge=0, le=65535)
    log: Path | None = None
    script: dict[str, object] = Field(default_factory=dict)


class Settings(_Section):
    """Everything a role or a command may know."""

    data_dir: Path = Path(".sluice")
    cache_dir: Path | None = None
    keyring: Path | None = None
    api_key: SecretStr | None = None
    admin_key: SecretStr | None = None
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    kafka: KafkaSettings = KafkaSettings()
    postgres: PostgresSettings = PostgresSettings()
    redis: RedisSettings = RedisSettings()
    gateway: GatewaySettings = GatewaySettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    simulator: SimulatorSettings = SimulatorSettings()
    carriers: list[CarrierSettings] = []
    routes: list[RouteSettings] = []

    @property
    def keyring_path(self) -> Path:
        """The keyring's file."""
        return self.keyring or self.data_dir / "keyring.json"


class SettingsError(ValueError):
    """The settings cannot be used; `faults` names each one with its source and mend."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
