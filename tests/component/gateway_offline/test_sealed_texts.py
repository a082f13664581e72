"""The text of a single message travels sealed, reads at the carrier's edge as it was given, and costs what it did.

In: messages with texts of every kind. Out: nothing of them in what is produced, whole or as a plain digest.
"""

from __future__ import annotations

import json
from array import array
from hashlib import blake2b
from typing import Any

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from connectors.dispatch.send_batch import SendBatch
from gateway.app import Gateway
from gateway.carrier_routes import Routes
from gateway.messages.singles import check_message, group_of, make_slice
from gateway.messages.types import MessageRequest
from gateway.profiles import Terms
from schemas.records.codec import decode_as
from schemas.records.slice import Slice
from schemas.records.wire import Envelope
from schemas.values.ids import ChunkId, single_message_id
from schemas.values.template import TEXT_BODY, compile_template
from schemas.values.text import count_segments, smart
from streams.outcome import Next
from streams.selection import whole
from streams.steps import validate_text
from tests.support.dispatch.records import SEALER
from tests.support.gateway_offline import ListedOutbox, message

CODE = "Your code is 271828, {{who}}"
WHO = "Kanarienvogel"
ROUTES = Routes([("+49", ["near"], 700)])
TEXTS = st.text(
    alphabet=st.one_of(st.sampled_from("ab {}%s€„…é😀"), st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    max_size=400,
)


def made(request: MessageRequest) -> tuple[str, int, Slice]:
    """Encoding and segments of the answer, and the slice."""
    checked = check_message(request, ROUTES, 0)
    return (
        checked.encoding,
        checked.segments,
        make_slice(
            group_of("t", request, Terms("transactional", 60, "night"), keyed=False),
            [checked],
            chunk=ChunkId(single_message_id("0" * 26)),
            digest=b"d" * 16,
            now=5,
            sealer=SEALER,
        ),
    )


async def sent(client: ClientSession, outbox: ListedOutbox, body: bytes, **headers: str) -> bytes:
    headers = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.post("/v1/messages", data=body, headers=headers) as response:
        assert response.status == 202, await response.text()
    [(_, _, value)] = outbox.sent
    assert value is not None
    return value


@pytest.mark.parametrize("lane", ["otp", "transactional", "marketing"])
async def test_nothing_of_a_message_is_in_clear(
    client: ClientSession, gateway: Gateway, outbox: ListedOutbox, lane: str
) -> None:
    body = json.dumps(message(body=CODE, variables={"who": WHO}, client_ref="order-7", lane=lane)).encode()
    value = await sent(client, outbox, body)
    for personal in (b"271828", b"Your code", WHO.encode(), b"order-7", b"4915112345678", b"who"):
        assert personal not in value
    [slice_] = decode_as(value, Envelope).slices
    assert slice_.body == TEXT_BODY
    assert gateway.sealer.open(slice_).variables == {"text": [f"Your code is 271828, {WHO}"]}
    for kept in gateway.recent._here.values():
        assert b"271828" not in kept


async def test_the_digest_of_a_request_cannot_be_found_by_trying_texts(
    client: ClientSession, gateway: Gateway, outbox: ListedOutbox
) -> None:
    body = json.dumps(message(body="271828", lane="otp")).encode()
    [slice_] = decode_as(await sent(client, outbox, body, Idempotency_Key="login-1"), Envelope).slices
    plain = blake2b(body, digest_size=16).digest()
    asked = b"POST /v1/messages\n" + plain
    assert slice_.digest == gateway.sealer.hash_request(asked)
    assert slice_.digest not in (plain, blake2b(asked, digest_size=16).digest())


@given(body=TEXTS.filter(bool), value=TEXTS, replace=st.booleans())
def test_what_is_sent_and_counted_is_the_text_as_it_was_given(body: str, value: str, replace: bool) -> None:
    names = dict.fromkeys(compile_template(body).names, value)
    text = compile_template(body).render(names)
    encoding, segments, slice_ = made(
        MessageRequest(to="+4915112345678", sender="Shop", body=body, variables=names, smart_encoding=replace)
    )
    read = smart(text) if replace else text
    assert (encoding, segments) == count_segments(read)
    messages = validate_text.TextFacts(columns=SEALER.open(slice_), invalid=lambda _: ())
    assert validate_text.decide(whole(slice_), messages) == (Next(positions=1, segments=bytes([segments])),)
    assert SendBatch(slice_, 1, 0, "near", SEALER, one_at_a_time=False).text(0) == read


@pytest.mark.parametrize("value", ["{{text}}", "{{ who }}", "{{{{text}}}}", "%s %(text)s %", "{", ""])
def test_a_placeholder_in_a_value_stays_text(value: str) -> None:
    given_: dict[str, Any] = {"to": "+4915112345678", "sender": "Shop", "body": "{{who}}{{text}}!"}
    _, _, slice_ = made(MessageRequest(**given_, variables={"who": value, "text": "x"}))
    assert SendBatch(slice_, 1, 0, "near", SEALER, one_at_a_time=False).text(0) == f"{value}x!"
    assert array("Q", SEALER.open(slice_).to)[0] == 4915112345678
