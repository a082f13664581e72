"""Carriers: what all kinds are told, and one class for what each kind is told beside it.

In: a table of the file, a row of PostgreSQL. Out: frozen settings; the columns that a row keeps of them. The file, the
command line and the process that sends all ask the same class, so none takes what another refuses. Wrong: pydantic's
`ValidationError` for the file, a `ValueError` that names every fault for a row (`from_columns`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator

from infra.settings.limits import HIGHEST_RATE, LONGEST_RECEIPT_WAIT, MOST_BINDS, MOST_WINDOW
from infra.settings.narrow_rates import network_of, sender_of
from infra.settings.section import Section
from infra.settings.words import in_words
from schemas.values.command_status import StatusClass, own_classes
from schemas.values.receipt_states import MOST_NUMBER, OF_MEANING, Meaning, bare

LEAST_SEPARATE = 3
LongMessages = Literal["udh", "sar", "payload"]
IDENTIFIER = r"^[a-z0-9-]{1,40}$"
Rate = Annotated[float, Field(ge=0, le=HIGHEST_RATE, allow_inf_nan=False)]
Identifier = Annotated[str, Field(pattern=IDENTIFIER)]


class KindSettings(Section):
    """What one kind of carrier is told. Exactly one field is its secret, which is kept sealed and apart from the others."""

    secret_field: ClassVar[str] = "password"
    # A message of several segments goes in one call and gets one id and one receipt (see `connectors.carriers.contract`).
    sends_whole: ClassVar[bool] = False

    @property
    def whole(self) -> bool:
        """Whether this carrier takes messages so: all of its kind, unless its settings decide."""
        return self.sends_whole

    @property
    def account(self) -> Hashable:
        """Whose connections the far end counts together: all of this carrier's, unless its kind knows better."""
        return ()

    def columns(self) -> tuple[dict[str, Any], str]:
        """(what the column `settings` keeps, the secret)."""
        return (
            self.model_dump(mode="json", exclude={self.secret_field}),
            getattr(self, self.secret_field).get_secret_value(),
        )

    @classmethod
    def from_columns(cls, settings: Mapping[str, Any], secret: str) -> Self:
        """What a row says. Raises ValueError for settings that can never work."""
        try:
            return cls.model_validate(
                {**{name: value for name, value in settings.items() if value is not None}, cls.secret_field: secret}
            )
        except ValidationError as fault:
            raise ValueError(
                "; ".join(f"settings.{'.'.join(map(str, one['loc']))}: {in_words(one)}" for one in fault.errors())
            ) from None


class SmppSettings(KindSettings):
    """One SMSC, as its operator gave it."""

    host: str = Field(min_length=1, description="name or address of the SMSC")
    port: int = Field(ge=1, le=65535, description="its port")
    system_id: str = Field(min_length=1, max_length=15, description="the account's name")
    password: SecretStr = Field(default=SecretStr(""), max_length=64, description="the account's password")
    bind: Literal["transceiver", "separate", "receiver"] = Field(
        default="transceiver",
        description="separate: transmitters and one receiver, 3 binds at least; receiver: receipts alone",
    )
    long_messages: LongMessages = Field(
        default="udh", description="several segments: udh, sar (parameters), or payload (the whole text in message_payload)"
    )
    enquire_link_seconds: int = Field(default=30, ge=1, le=3600, description="a sign of life this often")
    tls: bool = Field(default=False, description="TLS with the system's certificates")
    msg_id_type: Literal["auto", "same", "hex-dec", "dec-hex"] = Field(
        default="auto", description="form of the message id in the submit answer - in the receipt"
    )
    response_timeout_seconds: float = Field(default=10.0, gt=0, le=300, description="a submit unanswered is uncertain")
    receipt_states: dict[str, Meaning] = Field(
        default_factory=dict, description='its own words in receipts: { SENT_OK = "delivered" }'
    )

    # A row keeps it here; the file has it one level higher, as `[carriers.errors]`.
    errors: dict[str, StatusClass] = Field(default_factory=dict, json_schema_extra={"in_file": False})

    @field_validator("errors")
    @classmethod
    def _codes_that_can_come(cls, errors: dict[str, StatusClass]) -> dict[str, StatusClass]:
        own_classes(errors)
        return errors

    @field_validator("receipt_states")
    @classmethod
    def _words_that_can_come(cls, words: dict[str, Meaning]) -> dict[str, Meaning]:
        known: dict[str, str] = {}
        for word in words:
            other = known.setdefault(bare(word), word)
            if not bare(word):
                raise ValueError(f"{word!r} is no word; write one that the carrier sends, such as SENT_OK")
            if bare(word).isdecimal() and int(bare(word)) > MOST_NUMBER:
                raise ValueError(f"{word!r} is no message_state; write a number from 0 to {MOST_NUMBER}, or a word")
            if other != word:
                raise ValueError(f"{word!r} and {other!r} are the same word in a receipt; leave one of them out")
        return words

    @property
    def whole(self) -> bool:
        return self.long_messages == "payload"

    @property
    def account(self) -> Hashable:
        return self.host, self.port, self.system_id

    @property
    def own_classes(self) -> dict[int, StatusClass]:
        """What the carrier's own codes mean, by command_status."""
        return own_classes(self.errors)

    @property
    def own_states(self) -> dict[str, str]:
        """The states that the carrier's own words stand for, by word as it is looked for."""
        return {bare(word): OF_MEANING[meaning] for word, meaning in self.receipt_states.items()}


KIND_SETTINGS: Mapping[str, type[KindSettings]] = MappingProxyType({"smpp": SmppSettings, "simulator": SmppSettings})
"""By kind; the simulator is an SMSC that `up` itself runs."""


def _known(kind: str) -> str:
    if kind not in KIND_SETTINGS:
        raise ValueError(f"expected one of {', '.join(KIND_SETTINGS)}")
    return kind


class CarrierSettings(Section):
    """One carrier as seeded from the file; afterwards PostgreSQL has it."""

    id: Identifier = Field(description="a..z, 0..9, '-'")
    kind: Annotated[str, AfterValidator(_known)] = Field(description=" | ".join(KIND_SETTINGS))
    rate: float = Field(
        ge=0,
        le=HIGHEST_RATE,
        allow_inf_nan=False,
        description="segments per second that the contract allows; 0.2 = one in five seconds, 0 = stopped",
    )
    sender_rate: Rate | None = Field(
        default=None, description="segments per second of each sender id within the carrier's rate; fractions and 0 as there"
    )
    sender_rates: dict[str, Rate] = Field(
        default_factory=dict, description="senders that have another rate than sender_rate: { SHOP = 1 }"
    )
    network_rates: dict[str, Rate] = Field(
        default_factory=dict,
        description='segments per second to numbers that begin so, the longest prefix counts: { "+4915" = 0.5 }',
    )
    window: int = Field(default=10, ge=1, le=MOST_WINDOW, description="submits in flight per connection")
    binds: int = Field(
        default=2,
        ge=1,
        le=MOST_BINDS,
        description="most connections in all; with 1, one process carries all lanes, otp first",
    )
    receipt_wait_seconds: int = Field(
        default=259_200, ge=1, le=LONGEST_RECEIPT_WAIT, description="a receipt may take this long"
    )
    one_receipt_for_all_parts: bool = Field(default=False, description="it reports a long message once")
    errors: dict[str, StatusClass] = Field(
        default_factory=dict,
        description='classes of its codes, over the table: { "0x00000400" = "permanent" } | throttled | transient | unknown',
    )
    smpp: SmppSettings | None = Field(default=None, description="for kind smpp")

    @field_validator("sender_rates")
    @classmethod
    def _senders_that_can_be(cls, rates: dict[str, float]) -> dict[str, float]:
        return {sender_of(sender): rate for sender, rate in rates.items()}

    @field_validator("network_rates")
    @classmethod
    def _prefixes_that_can_be(cls, rates: dict[str, float]) -> dict[str, float]:
        found = {network_of(prefix): rate for prefix, rate in rates.items()}
        if len(found) < len(rates):
            raise ValueError("the same prefix stands there with + and without it; write it once")
        return found

    @field_validator("errors")
    @classmethod
    def _codes_of_its_kind(cls, errors: dict[str, StatusClass]) -> dict[str, StatusClass]:
        own_classes(errors)
        return errors

    @field_validator("smpp")
    @classmethod
    def _errors_in_one_place(cls, section: SmppSettings | None) -> SmppSettings | None:
        if section is not None and section.errors:
            raise ValueError("errors: write this table as [carriers.errors]")
        return section

    @field_validator("smpp")
    @classmethod
    def _enough_to_bind_so(cls, section: SmppSettings | None, known: ValidationInfo) -> SmppSettings | None:
        if section is not None and "binds" in known.data:
            check_binds(known.data["binds"], section.bind)
        return section

    @property
    def of_kind(self) -> KindSettings | None:
        """The section named as the kind, if the file has it."""
        found = getattr(self, self.kind, None)
        return self.with_errors(found) if isinstance(found, KindSettings) else None

    def with_errors(self, of_kind: KindSettings) -> KindSettings:
        """The settings of a kind, with what this carrier says of its codes."""
        return of_kind.model_copy(update={"errors": self.errors})


def check_binds(binds: int, bind: str) -> None:
    """Raises ValueError when a carrier that binds so cannot do with so few connections."""
    if bind == "separate" and binds < LEAST_SEPARATE:
        raise ValueError(f"separate binds need {LEAST_SEPARATE}: a transmitter for codes, one for the rest, and a receiver")


def reports_once(kind: str, told: bool, settings: Mapping[str, Any]) -> bool:
    """Whether a carrier of this kind reports a message of several segments once; `told`, `settings`: what its row says."""
    return told or KIND_SETTINGS.get(kind, KindSettings).sends_whole or settings.get("long_messages") == "payload"


def sections() -> dict[str, type[KindSettings]]:
    """The tables that a carrier of the file may have, by name: `smpp` of `[carriers.smpp]`."""
    return {kind: settings for kind, settings in KIND_SETTINGS.items() if kind in CarrierSettings.model_fields}
