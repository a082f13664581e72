"""Settings: what a process is told from outside, read once at its start.

In: flags, environment (`SLUICE_...`, `__` nests, `..._FILE` for secrets), a TOML file, `DATA/stack.json` (CLI only).
Out: one frozen `Settings`. Earlier sources win; an empty value counts as unset. An unknown key or a bad value raises
`SettingsError` with the list of all faults. Nothing else in the product reads the environment; how it is read stands in
`settings_load.py`, the example file and the list of variables come from `settings_docs.py`.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from infra.settings.limits import HIGHEST_RATE, LONGEST_RECEIPT_WAIT, MOST_BINDS, MOST_WINDOW
from schemas.values.receipt_states import Meaning

IDENTIFIER = r"^[a-z0-9-]{1,40}$"
_ADDRESS = r"(?:[^\s,:\[\]]+|\[[0-9A-Fa-f:.]+(?:%[^\s,\[\]]+)?\]):\d{1,5}"
ADDRESSES = rf"^{_ADDRESS}(?:,{_ADDRESS})*$"
CURRENCY = r"^[A-Z]{3}$"
PREFIX = r"^(\+[1-9][0-9]{0,14})?$"
Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
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


Addresses = Annotated[str, Field(pattern=ADDRESSES)]
PostgresUrl = Annotated[SecretStr, _begins_with("postgresql://", "postgres://")]
RedisUrl = Annotated[SecretStr, _begins_with("redis://", "rediss://", "unix://")]
HttpUrl = Annotated[str, _begins_with("http://", "https://"), AfterValidator(_has_a_host)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


Compression = Literal["uncompressed", "gzip", "snappy", "lz4", "zstd", "producer"]


class KafkaSettings(_Section):
    """Kafka."""

    bootstrap: Addresses | None = Field(default=None, description="host:port[,host:port]; `up` starts one when unset")
    replication: int = Field(default=1, ge=1, le=7, description="replicas of the topics that `topics apply` makes")
    public_compression: Compression = Field(
        default="uncompressed", description="compression.type of topics that others read; all clients know gzip and none")
    internal_compression: Compression = Field(
        default="producer", description="compression.type of the other topics; producer = as our roles send (lz4)")


class PostgresSettings(_Section):
    """PostgreSQL."""

    url: PostgresUrl | None = Field(default=None, description="the operator's URL; `up` starts one when unset")
    app_url: PostgresUrl | None = Field(default=None, description="the gateway's URL; else `url` with SET ROLE")


class RedisSettings(_Section):
    """Redis."""

    url: RedisUrl | None = Field(default=None, description="its URL; `up` starts one when unset")


class GatewaySettings(_Section):
    """The HTTP gateway."""

    host: str = Field(default="127.0.0.1", min_length=1, description="the address it listens on")
    port: int = Field(default=8080, ge=0, le=65535, description="its port; 0 = any free one")
    url: HttpUrl | None = Field(default=None, description="where the command line finds it")
    max_body_bytes: int = Field(default=16 * 1024 * 1024, ge=1024, description="largest body that is not streamed")
    bodies_bytes: int = Field(default=256 * 1024 * 1024, ge=1024,
                              description="bodies in memory, all together; a tenant gets a quarter")
    max_text_characters: int = Field(default=20_000_000, ge=40_000,
                                     description="a preview's or campaign's texts, all together")
    uploads: int = Field(default=64, ge=1, le=10_000, description="uploads at a time; a tenant gets a quarter")
    max_upload_bytes: int = Field(default=1024 * 1024 * 1024, ge=1024, description="largest upload of recipients")
    upload_seconds: int = Field(default=3600, ge=1, description="an upload's bytes may take so long")
    spool_bytes: int = Field(default=8 * 1024 * 1024 * 1024, ge=1024,
                             description="uploads on disk, all together; a tenant gets a quarter")


class TelemetrySettings(_Section):
    """Logs."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="of all roles")


class SmppSettings(_Section):
    """One SMSC, as its operator gave it."""

    host: str = Field(min_length=1, description="name or address of the SMSC")
    port: int = Field(ge=1, le=65535, description="its port")
    system_id: str = Field(min_length=1, max_length=15, description="the account's name")
    password: SecretStr = Field(default=SecretStr(""), max_length=64, description="the account's password")
    bind: Literal["transceiver"] = Field(default="transceiver", description="kind of bind")
    enquire_link_seconds: int = Field(default=30, ge=1, le=3600, description="a sign of life this often")
    tls: bool = Field(default=False, description="TLS with the system's certificates")
    msg_id_type: Literal["auto", "same", "hex-dec", "dec-hex"] = Field(
        default="auto", description="form of the message id in the submit answer - in the receipt")
    response_timeout_seconds: float = Field(default=10.0, gt=0, le=300, description="a submit unanswered is uncertain")
    receipt_states: dict[str, Meaning] = Field(
        default_factory=dict, description='its own words in receipts: { SENT_OK = "delivered" }')


class CarrierSettings(_Section):
    """One carrier as seeded from the file; afterwards PostgreSQL has it."""

    id: Identifier = Field(description="a..z, 0..9, '-'")
    kind: Literal["smpp", "simulator"] = Field(description="smpp | simulator")
    rate: int = Field(ge=1, le=HIGHEST_RATE, description="segments per second that the contract allows")
    window: int = Field(default=10, ge=1, le=MOST_WINDOW, description="submits in flight per connection")
    binds: int = Field(default=2, ge=2, le=MOST_BINDS, description="most connections in all")
    receipt_wait_seconds: int = Field(default=259_200, ge=1, le=LONGEST_RECEIPT_WAIT,
                                      description="a receipt may take this long")
    one_receipt_for_all_parts: bool = Field(default=False, description="it reports a long message once")
    smpp: SmppSettings | None = Field(default=None, description="for kind smpp")


class RouteSettings(_Section):
    """One route as seeded from the file; the longest prefix wins."""

    prefix: str = Field(pattern=PREFIX, description='"+49"; "" is the default route')
    carriers: list[Identifier] = Field(min_length=1, max_length=1, description="the carrier's id")
    price: Amount = Field(description="per segment, at most four places")


class SimulatorSettings(_Section):
    """The simulated carrier, run when a carrier of kind simulator is configured or none at all."""

    host: str = Field(default="127.0.0.1", min_length=1, description="the address it listens on")
    port: int = Field(default=2775, ge=0, le=65535, description="its port; `up` takes a free one when left out")
    log: Path | None = Field(default=None, description="file of every submit it saw; unset = none")
    script: dict[str, object] = Field(default_factory=dict, description="how it behaves; JSON in the environment")


class Settings(_Section):
    """Everything a role or a command may know."""

    data_dir: Path = Field(default=Path(".sluice"), description="the data folder")
    cache_dir: Path | None = Field(default=None, description="Kafka's jars; unset = the user's cache folder")
    keyring: Path | None = Field(default=None, description="file of the master keys; unset = DATA/keyring.json")
    api_key: SecretStr | None = Field(default=None, description="the key that the command line uses")
    admin_key: SecretStr | None = Field(default=None, min_length=16,
                                        description="of operators over HTTP: no call asks for it yet")
    currency: str = Field(default="EUR", pattern=CURRENCY, description="one per installation")
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
