"""Kafka's settings: where it is, how one is let in, how topics are made.

In: the values of a source. Out: frozen settings whose parts go together. Wrong: a value that another one needs and that is
not there, one that would be of no use (a password without SASL would never be asked for), a file that cannot be read:
pydantic's `ValidationError` at the field that is to be mended.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from infra.settings.section import Section

_ADDRESS = r"(?:[^\s,:\[\]]+|\[[0-9A-Fa-f:.]+(?:%[^\s,\[\]]+)?\]):\d{1,5}"
ADDRESSES = rf"^{_ADDRESS}(?:,{_ADDRESS})*$"

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
Compression = Literal["uncompressed", "gzip", "snappy", "lz4", "zstd", "producer"]
Addresses = Annotated[str, Field(pattern=ADDRESSES)]


def _readable(file: Path) -> Path:
    """By a path that is good in every folder: roles and the command line may stand in others."""
    try:
        with file.open("rb"):
            return file.absolute()
    except OSError as fault:
        raise ValueError(f"the file {file} cannot be read: {fault.strerror}") from None


File = Annotated[Path, AfterValidator(_readable)]


ACCESS = "kafka_access"
"""Where `DATA/stack.json` keeps how one is let in, when that needs anything."""


class KafkaSettings(Section):
    """Kafka."""

    bootstrap: Addresses | None = Field(default=None, description="host:port[,host:port]; `up` starts one when unset")
    security_protocol: Protocol = Field(
        default="PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL, as the brokers' listener is"
    )
    sasl_mechanism: Mechanism | None = Field(
        default=None, validate_default=True, description="PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
    )
    sasl_username: str | None = Field(default=None, validate_default=True, description="PLAIN and SCRAM: the user")
    sasl_password: SecretStr | None = Field(default=None, validate_default=True, description="and the password")
    sasl_oauth_token_url: str | None = Field(
        default=None, validate_default=True, description="OAUTHBEARER: the token endpoint (OIDC, client credentials)"
    )
    sasl_oauth_client_id: str | None = Field(default=None, validate_default=True, description="OAUTHBEARER: the client")
    sasl_oauth_client_secret: SecretStr | None = Field(
        default=None, validate_default=True, description="OAUTHBEARER: and its secret"
    )
    sasl_oauth_scope: str | None = Field(default=None, description="OAUTHBEARER: the scope asked for; unset = none")
    ca_file: File | None = Field(
        default=None, description="PEM of the authorities that the brokers are believed by; unset = the system's"
    )
    certificate_file: File | None = Field(default=None, description="PEM of the client's certificate and its chain")
    key_file: File | None = Field(default=None, validate_default=True, description="PEM of the certificate's key")
    key_password: SecretStr | None = Field(default=None, description="what opens the key; unset = it is not locked")
    replication: int = Field(default=1, ge=1, le=7, description="replicas of the topics that `topics apply` makes")
    public_compression: Compression = Field(
        default="uncompressed", description="compression.type of topics that others read; all clients know gzip and none"
    )
    internal_compression: Compression = Field(
        default="producer", description="compression.type of the other topics; producer = as our roles send (lz4)"
    )

    @property
    def access(self) -> dict[str, str]:
        """How one is let in, by setting, secrets in clear; nothing where everyone is."""
        given = {name: getattr(self, name) for name in ACCESS_FIELDS}
        if self.security_protocol == "PLAINTEXT":
            return {}
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in given.items()
            if value is not None
        }

    @property
    def has_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.security_protocol.endswith("SSL")

    @field_validator("sasl_mechanism")
    @classmethod
    def _mechanism_goes_with_sasl(cls, value: Any, info: ValidationInfo) -> Any:
        protocol = info.data.get("security_protocol")
        if protocol is not None and protocol.startswith("SASL_"):
            if value is None:
                raise ValueError(
                    f"is missing: security_protocol {protocol} needs PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
                )
        elif protocol is not None and value is not None:
            raise ValueError(_of_no_use("security_protocol", protocol, "set that to SASL_SSL (or SASL_PLAINTEXT)"))
        return value

    @field_validator("sasl_username", "sasl_password")
    @classmethod
    def _account_goes_with_password_mechanisms(cls, value: Any, info: ValidationInfo) -> Any:
        return _checked(value, info, lambda mechanism: mechanism != "OAUTHBEARER", needed=True)

    @field_validator("sasl_oauth_token_url", "sasl_oauth_client_id", "sasl_oauth_client_secret", "sasl_oauth_scope")
    @classmethod
    def _client_goes_with_oauth(cls, value: Any, info: ValidationInfo) -> Any:
        if info.field_name == "sasl_oauth_token_url" and value is not None and not value.startswith(("https://", "http://")):
            raise ValueError("expected a URL that begins with https:// or http://")
        needed = info.field_name != "sasl_oauth_scope"
        return _checked(value, info, lambda mechanism: mechanism == "OAUTHBEARER", needed=needed)

    @field_validator("ca_file", "certificate_file", "key_file")
    @classmethod
    def _files_go_with_tls(cls, value: Any, info: ValidationInfo) -> Any:
        protocol = info.data.get("security_protocol")
        if value is not None and protocol is not None and not protocol.endswith("SSL"):
            raise ValueError(_of_no_use("security_protocol", protocol, "set that to SSL or SASL_SSL"))
        if info.field_name == "key_file" and "certificate_file" in info.data:
            certificate = info.data["certificate_file"]
            if value is None and certificate is not None:
                raise ValueError("is missing: a certificate_file needs the key that belongs to it")
            if value is not None and certificate is None:
                raise ValueError("is of no use without certificate_file; set both, or leave it out")
        return value

    @field_validator("key_password")
    @classmethod
    def _password_goes_with_a_key(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("key_file", value) is None:
            raise ValueError("is of no use without key_file; leave it out")
        return value


def _checked(value: Any, info: ValidationInfo, concerned: Any, *, needed: bool) -> Any:
    """What only some mechanisms have: there with those (`needed`), not with the others, nor without SASL."""
    if "security_protocol" not in info.data or "sasl_mechanism" not in info.data:
        return value  # what is wrong there is told there
    protocol, mechanism = info.data["security_protocol"], info.data["sasl_mechanism"]
    if mechanism is None:
        if value is not None:
            raise ValueError(_of_no_use("security_protocol", protocol, "set that to SASL_SSL (or SASL_PLAINTEXT)"))
    elif not concerned(mechanism):
        if value is not None:
            raise ValueError(_of_no_use("sasl_mechanism", mechanism, "set another one there"))
    elif needed and value is None:
        raise ValueError(f"is missing: sasl_mechanism {mechanism} needs it")
    return value


def _of_no_use(setting: str, value: str, mend: str) -> str:
    return f"is of no use with {setting} {value}; {mend}, or leave it out"


ACCESS_FIELDS = tuple(
    name for name in KafkaSettings.model_fields if name.startswith(("security_", "sasl_", "ca_", "certificate_", "key_"))
)
"""The settings that say how one is let in."""
