"""One message: checked, rendered, sealed and made into a chunk of its own.

Enters: a `MessageRequest` and the routes. Leaves: what it will cost, and the slice for Kafka. Refused: 422 with a pointer.
The text of a single message is personal (a one-time password): what leaves is the body `{{text}}`, the same for all, and
the rendered text as the sealed value of its variable. Placeholders in a value stay text, as in any value.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from gateway.carrier_routes import Routes
from gateway.http.fields import Encoding
from gateway.http.problem import refusal, refused
from gateway.http.texts import bad_text, explain, require_text
from gateway.messages.types import MessageRequest
from infra.security.sealing import Sealer
from schemas.records.slice import Columns, Slice
from schemas.values.ids import MessageId
from schemas.values.phone.number import PhoneError, normalise
from schemas.values.positions import everyone
from schemas.values.template import TEXT_BODY, TEXT_NAME, MissingVariable, compile_template
from schemas.values.text import TextError, count_segments, smart


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A message that can go out. `text`: rendered, look-alikes still in it; `price`: of all segments, in ten-thousandths."""

    number: int
    text: str
    encoding: Encoding
    segments: int
    price: int


def check_message(message: MessageRequest, routes: Routes) -> Checked:
    """Destination, text, reference and route."""
    try:
        number = normalise(message.to)
    except PhoneError as fault:
        raise refusal("/to", fault.code, fault.detail) from None
    text, encoding, segments = _rendered(message)
    if message.client_ref is not None and "\0" in message.client_ref:
        raise refused([bad_text("/client_ref")])
    way = routes.way_of(number)
    if way is None:
        raise refusal("/to", "no_route", "no route leads to this destination")
    return Checked(number=number, text=text, encoding=encoding, segments=segments, price=way.price * segments)


def make_slice(
    message: MessageRequest, checked: Checked, *, tenant: str, identity: MessageId, digest: bytes, now: int, sealer: Sealer
) -> Slice:
    """The message as the chunk that it is."""
    columns = Columns(
        to=array("Q", [checked.number]).tobytes(),
        variables={TEXT_NAME: [checked.text]},
        refs=None if message.client_ref is None else [message.client_ref],
    )
    key_id, sealed = sealer.seal(columns, tenant=tenant, campaign=None, chunk=identity)
    return Slice(
        tenant=tenant,
        campaign=None,
        chunk=identity,
        part=0,
        size=1,
        lane=message.lane,
        send=1,
        positions=everyone(1),
        sender=message.sender,
        body=TEXT_BODY,
        smart=message.smart_encoding,
        accepted_at=now,
        due_at=now,
        expires_at=now + int(message.validity_seconds) * 1000,
        digest=digest,
        indexes=array("I", [0]).tobytes(),
        key_id=key_id,
        sealed=sealed,
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
