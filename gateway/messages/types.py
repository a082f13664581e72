"""Single messages as clients send and get them; fields that are not listed here are refused."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.http.fields import MAX_REF, NO_NUL, NUMBER, Encoding, Instant, LaneName, ProfileName, Sender, Text, Validity

Number = Annotated[str, Meta(extra_json_schema=NUMBER)]
ClientRef = Annotated[str, Meta(min_length=1, max_length=MAX_REF, extra_json_schema=NO_NUL)]
DEFAULT_LANE = "transactional"
_PRICE = "What it costs; 0.0000 where its money was given back: failed, rejected, expired, canceled"


class MessageRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message. With `variables` the body is a template; without, its placeholders have no values."""

    to: Number
    sender: Sender = msgspec.field(name="from")
    body: Text
    lane: Annotated[LaneName, Meta(extra_json_schema={"default": DEFAULT_LANE})] | UnsetType = UNSET
    channel: Literal["sms"] = "sms"
    profile: ProfileName | None = None
    validity_seconds: Validity | UnsetType = UNSET
    send_at: Instant | None = None
    client_ref: ClientRef | None = None
    variables: dict[str, str] = {}
    smart_encoding: bool = False

    @property
    def is_code(self) -> bool:
        """Whether it is a one-time code; a profile makes none of it."""
        return self.lane == "otp"


DECODER = msgspec.json.Decoder(MessageRequest)


class MessageAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """Kafka has the message."""

    id: str
    status: Literal["accepted"] = "accepted"
    encoding: Encoding
    segments: int


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it stands; `segments`, `price` and `carrier` are null until they are known. `send_at`: as asked for."""

    id: str
    to: str | None
    status: str
    reason: str | None
    segments: int | None
    price: Annotated[str | None, Meta(description=_PRICE)]
    currency: str
    carrier: str | None
    client_ref: str | None
    send_at: str | None
    created_at: str
    updated_at: str


class MessageState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the message stands after a call."""

    id: str
    status: str


class TraceHop(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a message's way. `hop`: a state, or `called`, `answered`, `given_back`, `released`, at the end `waiting`.
    `attempt`: its send number. `waited_for`, `waited_seconds`: since the step before."""

    at: str
    hop: str
    attempt: int
    source: str
    waited_for: str | None = None
    waited_seconds: float | None = None
    reason: str | None = None
    explanation: str | None = None
    carrier: str | None = None
    code: str | None = None
    carrier_message_id: str | None = None
    until: str | None = None


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """The way of a message. `notes`: what is not shown, and why."""

    id: str
    status: str
    reason: str | None
    hops: list[TraceHop]
    notes: list[str]


class MessagePage(msgspec.Struct, frozen=True, kw_only=True):
    """`next`: an opaque cursor, null at the end."""

    messages: list[Message]
    next: str | None
