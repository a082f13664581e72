"""One message: checked, sealed and made into a chunk of its own.

Enters: a `MessageRequest` and the routes. Leaves: what it will cost, and the slice for Kafka. Refused: 422 with a pointer.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from gateway.answers import Encoding
from gateway.problem import refusal, refused
from gateway.requests import MessageRequest
from gateway.routing import Routes
from gateway.texts import bad_text, explain, require_text
from infra.security.sealing import Sealer
from schemas.ids import MessageId
from schemas.phone import PhoneError, normalise
from schemas.positions import everyone
from schemas.slices import Columns, Slice
from schemas.template import MissingVariable, compile_template
from schemas.text import TextError, count_segments, smart


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A message that can go out. `price`: of all its segments, in ten-thousandths."""

    number: int
    names: tuple[str, ...]
    encoding: Encoding
    segments: int
    price: int


def check_message(message: MessageRequest, routes: Routes) -> Checked:
    """Destination, text, reference and route."""
    try:
        number = normalise(message.to)
    except PhoneError as fault:
        raise refusal("/to", fault.code, fault.detail) from None
    template = compile_template(message.body)
    encoding, segments = measure(message)
    if message.client_ref is not None and "\0" in message.client_ref:
        raise refused([bad_text("/client_ref")])
    way = routes.way_of(number)
    if way is None:
        raise refusal("/to", "no_route", "no route leads to this destination")
    return Checked(number=number, names=tuple(dict.fromkeys(template.names)), encoding=encoding, segments=segments,
                   price=way.price * segments)


def make_slice(message: MessageRequest, checked: Checked, *, tenant: str, identity: MessageId, digest: bytes, now: int,
               sealer: Sealer) -> Slice:
    """The message as the chunk that it is."""
    columns = Columns(to=array("Q", [checked.number]).tobytes(),
                      variables={name: [message.variables[name]] for name in checked.names},
                      refs=None if message.client_ref is None else [message.client_ref])
    key_id, sealed = sealer.seal(columns, tenant=tenant, campaign=None, chunk=identity)
    return Slice(tenant=tenant, campaign=None, chunk=identity, part=0, size=1, lane=message.lane, send=1,
                 positions=everyone(1), sender=message.sender, body=message.body, smart=message.smart_encoding,
                 accepted_at=now, due_at=now, expires_at=now + message.validity_seconds * 1000, digest=digest,
                 indexes=array("I", [0]).tobytes(), key_id=key_id, sealed=sealed)


def measure(message: MessageRequest) -> tuple[Encoding, int]:
    """Alphabet and segments of its text, which follow from the request alone, whatever has become of the routes."""
    template = compile_template(message.body)
    if "\0" in message.body:
        raise refused([bad_text("/body")])
    try:
        text = template.render(message.variables)
        require_text(text)
        return count_segments(smart(text) if message.smart_encoding else text)
    except (MissingVariable, TextError) as cause:
        raise refused([explain(template, message.variables, cause)]) from None
