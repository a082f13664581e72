"""Requests answered below the application, and the same ones through it: nobody can tell the two ways apart.

In: bytes on a socket. Out: answers in order. A header that the short way does not know (`X-Long`) makes a request go the
long way.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.app import Gateway
from gateway.http import connection
from gateway.http.connection import Connection, WholeRequests
from gateway.http.whole_request import Partial, WholeRequest, read_whole
from gateway.messages import shared_chunks
from gateway.messages.whole_requests import WholePosts
from schemas.records.codec import decode_as
from schemas.records.wire import Envelope
from tests.support.gateway_offline import KEY, ListedOutbox, message
from tests.support.gateway_server import served
from tests.support.raw_requests import FIRST, Answer, connect, request
from tests.support.waiting import until


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each request that was looked at as a whole one: whether it was answered so."""
    seen: list[bool] = []
    begin = WholePosts.begin

    def look(self: WholePosts, request: WholeRequest, respond: Callable[[bytes], None]) -> bool:
        seen.append(begin(self, request, respond))
        return seen[-1]

    monkeypatch.setattr(WholePosts, "begin", look)
    return seen


def alike(answer: Answer) -> tuple[int, list[str], Any, bool]:
    """What two answers to one request have in common. Each ends its line, for those who read it on a terminal."""
    status, headers, body = answer
    assert body.endswith(b"}\n"), body
    shown = json.loads(body)
    return status, sorted(headers), shown | {"id": None}, headers.get("Location") == f"/v1/messages/{shown.get('id')}"


SAME = {
    "plain": request(),
    "keyed": request(Idempotency_Key="k"),
    "otp": request(json.dumps(message(lane="otp")).encode()),
    "unicode": request(json.dumps(message(body="Größe €"), ensure_ascii=False).encode()),
    "template": request(json.dumps(message(body="Hi {{a}}", variables={"a": "x"})).encode()),
    "smart": request(json.dumps(message(body="“x”", smart_encoding=True)).encode()),
    "charset": request(Content_Type="application/json; charset=utf-8"),
    "lower-case scheme": request(Authorization=f"bearer {KEY}"),
    "bad number": request(json.dumps(message(to="1")).encode()),
    "no route": request(json.dumps(message(to="+33612345678")).encode()),
    "unknown field": request(json.dumps(message(x=1)).encode()),
    "no JSON": request(b"{"),
    "no UTF-8": request(b'{"to":"\xff"}'),
    "byte order mark": request(b"\xef\xbb\xbf" + json.dumps(message()).encode()),
    "empty": request(b""),
    "stranger": request(Authorization="Bearer sk_0000000000000000_" + "0" * 64),
    "no key": request(Authorization=None),
    "basic": request(Authorization="Basic eDp5"),
    "another type": request(Content_Type="text/plain"),
    "no type": request(Content_Type=None),
    "bad idempotency key": request(Idempotency_Key="k" * 256),
    "deep": request(b"[" * 5000),
}


@pytest.mark.parametrize("name", list(SAME))
async def test_both_ways_answer_alike(url: str, name: str) -> None:
    data = SAME[name]
    short = await (await connect(url)).ask(data)
    long = await (await connect(url)).ask(data.replace(b"\r\n", b"\r\nX-Long: 1\r\n", 1))
    assert alike(short)[:2] == alike(long)[:2] if name == "keyed" else alike(short) == alike(long)


@pytest.mark.parametrize("name", ["plain", "otp", "unicode", "template", "smart", "charset", "lower-case scheme"])
async def test_what_is_usual_goes_the_short_way(url: str, taken: list[bool], name: str) -> None:
    assert (await (await connect(url)).ask(SAME[name]))[0] == 202
    assert taken == [True]


async def test_ids_and_traces_go_on(url: str, taken: list[bool]) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    data = request(X_Request_Id="mine-1", traceparent=f"00-{trace}-b7ad6b7169203331-00")
    _, headers, _ = await (await connect(url)).ask(data)
    assert headers["X-Request-Id"] == "mine-1" and headers["traceparent"].split("-")[1::2] == [trace, "00"]
    assert taken == [True]


async def test_a_body_that_comes_later_and_one_that_comes_in_pieces(url: str, taken: list[bool]) -> None:
    client, data = await connect(url), request()
    end = data.index(b"\r\n\r\n") + 4
    assert (await client.ask(data[:end], data[end:]))[0] == 202
    for n in range(end, len(data) - 1):
        client.writer.write(data[:end] if n == end else data[n - 1 : n])
        await client.writer.drain()
        await asyncio.sleep(0)
    assert (await client.ask(data[len(data) - 2 :]))[0] == 202
    assert taken == [True, True]


async def test_a_body_that_does_not_come_is_the_applications(
    url: str, monkeypatch: pytest.MonkeyPatch, taken: list[bool]
) -> None:
    monkeypatch.setattr(connection, "HELD_SECONDS", 0.02)
    client, data = await connect(url), request()
    client.writer.write(data[:-5])
    left = asyncio.Event()
    leave = Connection._leave_to_application

    def look(self: Connection, held: bytes) -> None:
        left.set()
        leave(self, held)

    monkeypatch.setattr(Connection, "_leave_to_application", look)
    await asyncio.wait_for(left.wait(), 30)
    assert (await client.ask(data[-5:]))[0] == 202 and taken == []


def more_than(some: Sequence[object], count: int) -> bool:
    return len(some) > count


async def test_a_body_that_comes_byte_by_byte_is_waited_for_from_its_head_on(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one that sends a byte now and then would hold the connection for hours, and never hear that it is too slow."""
    timers: list[asyncio.TimerHandle | None] = []
    receive = Connection._receive

    def look(self: Connection, whole: WholeRequests, data: bytes) -> None:
        receive(self, whole, data)
        timers.append(self._holding)

    monkeypatch.setattr(Connection, "_receive", look)
    client, data = await connect(url), request()
    for n in range(5):
        client.writer.write(data[:-5] if n == 0 else data[n - 6 : n - 5])
        await until(partial(more_than, timers, n))
    assert (await client.ask(data[-1:]))[0] == 202
    assert None not in timers[:5] and len(set(map(id, timers[:5]))) == 1 and timers[5] is None


async def test_too_many_that_wait_send_none_with_a_key_alone(
    url: str, outbox: ListedOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have a place in a chunk that is on its way: alone it would be sent twice."""
    monkeypatch.setattr(shared_chunks, "MAX_WAITING", 0)
    status, _, body = await (await connect(url)).ask(request(Idempotency_Key="k"))
    assert (status, json.loads(body)["code"], outbox.sent) == (503, "overloaded", [])


async def test_requests_that_do_not_wait_for_answers_are_answered_in_order(
    url: str, outbox: ListedOutbox, taken: list[bool]
) -> None:
    client = await connect(url)
    texts = [f"text {n}" for n in range(5)]
    client.writer.write(b"".join(request(json.dumps(message(body=text, client_ref=text)).encode()) for text in texts))
    ids = [json.loads((await client.answer())[2])["id"] for _ in texts]
    chunks = [decode_as(value, Envelope).slices[0].chunk for _, _, value in outbox.sent]
    assert [name.replace("msg_", "chk_").partition("-")[0] if "-" in name else name for name in ids] == chunks


async def test_another_call_on_the_same_connection_and_back(url: str, taken: list[bool]) -> None:
    client = await connect(url)
    assert (await client.ask(request()))[0] == 202
    assert (await client.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == 200
    assert (await client.ask(request()))[0] == 202
    assert taken == [True], "after another request nobody knows here what the parser still holds"


async def test_a_request_inside_another_ones_head_is_no_request(url: str, outbox: ListedOutbox, taken: list[bool]) -> None:
    """The second read looks like a whole request and is a header of the first one."""
    client = await connect(url)
    client.writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Note: ")
    await client.writer.drain()
    client.writer.write(request())
    status, _, _ = await client.answer()
    assert status in (200, 400) and taken == [] and outbox.sent == []


SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
ODD = {
    "two lengths": request().replace(b"Content-Length", b"Content-Length: 1\r\nContent-Length"),
    "two hosts": request().replace(b"Host: x", b"Host: x\r\nHost: y"),
    "two keys": request(Idempotency_Key="a").replace(b"Idempotency-Key", b"Idempotency-Key: b\r\nIdempotency-Key"),
    "chunked and a length": request(Transfer_Encoding="chunked"),
    "chunked": request(b"0\r\n\r\n", Content_Length=None, Transfer_Encoding="chunked"),
    "no length": request(b"", Content_Length=None),
    "a sign": request(b"", Content_Length="+0"),
    "hex": request(b"{}", Content_Length="0x2"),
    "a list": request(b"{}", Content_Length="2, 2"),
    "underscore": request(b"{}", Content_Length="0_2"),
    "other digits": request(b"{}").replace(b": 2\r\n", ": ²\r\n".encode("latin-1")),
    "white space before the colon": request().replace(b"Content-Length:", b"Content-Length :"),
    "a folded line": request().replace(b"\r\nAccept: */*", b"\r\nAccept:\r\n */*"),
    "a bare line feed": request().replace(b"\r\nAccept: */*", b"\nAccept: */*"),
    "a bare carriage return": request().replace(b"*/*", b"*\r/*"),
    "a NUL": request().replace(b"*/*", b"*\0/*"),
    "a tab in a name": request().replace(b"Accept", b"Acc\tept"),
    "an expectation": request(Expect="tea"),
    "upgrade": request(Upgrade="h2c", Connection="Upgrade"),
    "closing": request(Connection="close"),
    "coded": request(Content_Encoding="gzip"),
    "unknown": request(X_Forwarded_For="1.2.3.4"),
    "a cookie": request(Cookie="a=b"),
    "nothing but colons": request().replace(b"Accept: */*", b":::"),
    "an empty line of a header": request().replace(b"Accept: */*", b"Accept:"),
    "HTTP/1.0": request(first=b"POST /v1/messages HTTP/1.0\r\n"),
    "a query": request(first=b"POST /v1/messages? HTTP/1.1\r\n"),
    "two blanks": request(first=b"POST  /v1/messages HTTP/1.1\r\n"),
    "no host": request(Host=None),
    "a long length": request(Content_Length="0" * 6 + "2"),
}


@pytest.mark.parametrize("name", list(ODD))
async def test_whatever_is_odd_is_the_applications(url: str, taken: list[bool], name: str) -> None:
    """It answers as if there were no short way, and what follows on the connection is not taken for something else."""
    answers = []
    for before in (b"", request()):
        client = await connect(url)
        if before:
            assert (await client.ask(before))[0] == 202
        client.writer.write(ODD[name])
        client.writer.write_eof()
        answers.append((await asyncio.wait_for(client.reader.read(), 30)).split(b"\r\n")[0])
    assert answers[0] == answers[1] and taken == [True]


async def test_a_length_that_is_too_short_makes_two_requests_on_both_ways(url: str, taken: list[bool]) -> None:
    for long in ("", "X-Long: 1\r\n"):
        client = await connect(url)
        data = request().replace(b"\r\n", b"\r\n" + long.encode(), 1) + SMUGGLED
        assert [(await client.ask(data))[0], (await client.answer())[0]] == [202, 200]
    assert taken == []


@given(data=st.binary(max_size=300), cut=st.integers(0, 400))
def test_bytes_of_any_kind_are_a_request_only_if_they_are_all_of_one(data: bytes, cut: int) -> None:
    whole = request()
    mixed = whole[: len(FIRST) + cut % (len(whole) - len(FIRST))] + data
    found = read_whole(mixed, FIRST)
    if isinstance(found, WholeRequest):
        head = mixed[: len(mixed) - len(found.body)]
        assert head.endswith(b"\r\n\r\n") and head.count(b"\r\n\r\n") == 1 and head.isascii()
        assert f"content-length: {len(found.body)}" in head.decode().lower()
    elif isinstance(found, Partial):
        assert found.size > len(mixed)


async def test_an_answer_on_its_way_is_given_before_the_end(gateway: Gateway, outbox: ListedOutbox) -> None:
    held: list[Any] = []
    outbox.post = lambda *args: held.append(args[-1])  # type: ignore[method-assign]
    async with served(gateway) as url:
        client = await connect(url)
        client.writer.write(request())
        asking = asyncio.create_task(client.answer())
        await until(lambda: held)
        asyncio.get_running_loop().call_later(0.05, held[0], None, 0, 1)
    assert (await asking)[0] == 202


async def test_the_oldest_that_makes_room_is_not_one_that_waits_for_its_answer(
    gateway: Gateway, url: str, outbox: ListedOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MOST_CONNECTIONS", 2)
    held: list[Any] = []
    outbox.post = lambda *args: held.append(args[-1])  # type: ignore[method-assign]
    busy = await connect(url)
    busy.writer.write(request())
    await until(lambda: held)
    idle, newest = await connect(url), await connect(url)
    assert await asyncio.wait_for(idle.reader.read(), 30) == b""
    held[0](None, 0, 1)
    assert (await busy.answer())[0] == 202
    newest.writer.close()
