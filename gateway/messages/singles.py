"""Single messages: each checked and rendered, several sealed and made into a chunk.

Enters: a `MessageRequest` and the routes; checked messages. Leaves: what it will cost; the slice for Kafka. Refused: 422
with a pointer.
The text of a single message is personal (a one-time password): what leaves is the body `{{text}}`, the same for all, and
the rendered text as the sealed value of its variable. Placeholders in a value stay text, as in any value.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.carrier_routes import Routes
from gateway.http.fields import Encoding, check_ahead, milliseconds
from gateway.http.problem import refusal, refused
from gateway.http.texts import bad_text, explain, require_text
from gateway.messages.types import MessageRequest
from gateway.profiles import Terms
from infra.security.sealing import Sealer
from schemas.records.slice import Columns, Slice
from schemas.values.ids import ChunkId
from schemas.values.phone.number import PhoneError, normalise
from schemas.values.positions import everyone
from schemas.values.template import TEXT_BODY, TEXT_NAME, MissingVariable, compile_template
from schemas.values.text import TextError, count_segments, smart


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A message that can go out. `text`: rendered, look-alikes still in it; `ref`: the client's reference, or None; `price`:
    of all segments, in ten-thousandths."""

    number: int
    text: str
    ref: str | None
    encoding: Encoding
    segments: int
    price: int


class Group(NamedTuple):
    """What all messages of a chunk agree in. `keyed`: they have idempotency keys. `send_at`: milliseconds, 0: at once."""

    tenant: str
    lane: str
    sender: str
    smart: bool
    validity_seconds: int
    keyed: bool
    send_at: int = 0
    profile: str | None = None


def group_of(tenant: str, message: MessageRequest, terms: Terms, *, keyed: bool) -> Group:
    """With which others this message may share a chunk."""
    send_at = 0 if message.send_at is None else milliseconds(message.send_at)
    lane, validity, profile = terms
    return Group(tenant, lane, message.sender, message.smart_encoding, validity, keyed, send_at, profile)


def check_message(message: MessageRequest, routes: Routes, now: int) -> Checked:
    """Destination, text, reference, time and route."""
    try:
        number = normalise(message.to)
    except PhoneError as fault:
        raise refusal("/to", fault.code, fault.detail) from None
    text, encoding, segments = _rendered(message)
    if message.client_ref is not None and "\0" in message.client_ref:
        raise refused([bad_text("/client_ref")])
    if message.send_at is not None:
        check_ahead(milliseconds(message.send_at), now, "/send_at")
    way = routes.way_of(number)
    if way is None:
        raise refusal("/to", "no_route", "no route leads to this destination")
    return Checked(
        number=number,
        text=text,
        ref=message.client_ref,
        encoding=encoding,
        segments=segments,
        price=way.price * segments,
    )


def make_slice(
    group: Group, messages: Sequence[Checked], *, chunk: ChunkId, digest: bytes | None, now: int, sealer: Sealer
) -> Slice:
    """These messages as a chunk. `digest`: of the request of one that is alone; of several each has its own elsewhere."""
    count = len(messages)
    refs = [message.ref for message in messages]
    columns = Columns(
        to=array("Q", [message.number for message in messages]).tobytes(),
        variables={TEXT_NAME: [message.text for message in messages]},
        refs=refs if any(ref is not None for ref in refs) else None,
    )
    due = max(now, group.send_at)
    key_id, sealed = sealer.seal(columns, tenant=group.tenant, campaign=None, chunk=chunk)
    return Slice(
        tenant=group.tenant,
        campaign=None,
        chunk=chunk,
        part=0,
        size=count,
        lane=group.lane,
        send=1,
        positions=everyone(count),
        sender=group.sender,
        body=TEXT_BODY,
        smart=group.smart,
        accepted_at=now,
        due_at=due,
        expires_at=due + group.validity_seconds * 1000,
        digest=digest,
        indexes=array("I", range(count)).tobytes(),
        key_id=key_id,
        sealed=sealed,
        profile=group.profile,
    )


def measure(message: MessageRequest) -> tuple[Encoding, int]:
    """Alphabet and segments of its text, which follow from the request alone, whatever has become of the routes."""
    _, encoding, segments = _rendered(message)
    return encoding, segments


def _rendered(message: MessageRequest) -> tuple[str, Encoding, int]:
    template = compile_template(message.body)
    if "\0" in message.body:
        raise refused([bad_text("/body")])
    try:
        text = template.render(message.variables)
        require_text(text)
        return text, *count_segments(smart(text) if message.smart_encoding else text)
    except (MissingVariable, TextError) as cause:
        raise refused([explain(template, message.variables, cause)]) from None
