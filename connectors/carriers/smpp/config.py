"""The settings of one SMPP carrier, checked when they are made: a bad one raises ValueError that names every fault."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from connectors.carriers.smpp.message_id import MessageIdType
from schemas.values.receipt_states import OF_MEANING, bare


@dataclass(frozen=True, kw_only=True, slots=True)
class SmppConfig:
    """`window`: submits in flight per bind. `binds`: connections held open. Only transceiver binds are built.
    `receipt_states`: the carrier's own words for states, or numbers of message_state, with what each means."""

    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    bind: str = "transceiver"
    enquire_link_seconds: float = 30.0
    tls: bool = False
    window: int = 10
    binds: int = 2
    msg_id_type: MessageIdType = "auto"
    response_timeout_seconds: float = 10.0
    receipt_states: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checks = (
            (bool(self.host), "host is empty"),
            (0 < self.port < 65536, f"port {self.port} is not between 1 and 65535"),
            (0 < len(self.system_id) <= 64, "system_id must have 1 to 64 characters"),
            (len(self.password) <= 64, "password has more than 64 characters"),
            (self.bind == "transceiver", f"bind {self.bind!r} is not supported, only 'transceiver'"),
            (self.enquire_link_seconds > 0, "enquire_link_seconds must be positive"),
            (0 < self.window <= 100_000, "window must be between 1 and 100000"),
            (0 < self.binds <= 1000, "binds must be between 1 and 1000"),
            (self.msg_id_type in get_args(MessageIdType), f"msg_id_type {self.msg_id_type!r} is not known"),
            (self.response_timeout_seconds > 0, "response_timeout_seconds must be positive"),
            *((meaning in OF_MEANING, f"receipt_states.{word} = {meaning!r} is none of {', '.join(OF_MEANING)}")
              for word, meaning in self.receipt_states.items()),
        )
        faults = [text for holds, text in checks if not holds]
        if faults:
            raise ValueError("; ".join(faults))

    @property
    def own_states(self) -> dict[str, str]:
        """The states that the carrier's own words stand for, by word as it is looked for."""
        return {bare(word): OF_MEANING[meaning] for word, meaning in self.receipt_states.items()}
