"""Receipts on one bind: confirmed when they are safe, read or not; put off when too many are open."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.receipt_intake import MOST_UNCONFIRMED
from tests.support.smpp_receipts import RECEIPT, deliver
from tests.support.smpp_wire import Bind
from tests.support.waiting import until


@pytest.fixture
async def bind() -> Bind:
    bind = Bind()
    bind.take_bind()
    await until(lambda: bind.wire.writes)
    bind.wire.writes.clear()
    return bind


async def test_receipts_are_confirmed_in_one_write_when_they_are_safe(bind: Bind) -> None:
    bind.session.data_received(b"".join(deliver(sequence, RECEIPT) for sequence in range(1, 51)))
    assert len(bind.receipts) == 50
    assert len(bind.acknowledges) == 1
    bind.session.flush()
    assert bind.wire.commands() == []
    bind.acknowledges[0]()
    bind.acknowledges[0]()
    bind.session.flush()
    assert bind.wire.commands() == [(pdu.DELIVER_SM_RESP, 0, sequence) for sequence in range(1, 51)]
    assert len(bind.wire.writes) == 1


async def test_too_many_unconfirmed_receipts_are_put_off(bind: Bind) -> None:
    bind.session.data_received(b"".join(deliver(sequence, RECEIPT) for sequence in range(1, MOST_UNCONFIRMED + 3)))
    assert len(bind.receipts) == MOST_UNCONFIRMED
    bind.session.flush()
    assert [status for _, status, _ in bind.wire.commands()] == [0x64, 0x64]
    bind.acknowledges[0]()
    bind.session.data_received(deliver(1, RECEIPT))
    assert len(bind.receipts) == MOST_UNCONFIRMED + 1


async def test_what_cannot_be_read_is_kept_and_confirmed_when_its_bytes_are_safe(bind: Bind) -> None:
    first, second = deliver(9, b"nothing to read"), pdu.encode(pdu.DATA_SM, 10, b"\0\1\1491\0\5\0Sluice\0\4\0\0")
    bind.session.data_received(first + pdu.encode(pdu.DELIVER_SM, 11, b"no body") + second)
    assert [what.raw for what in bind.unreadable] == [first, pdu.encode(pdu.DELIVER_SM, 11, b"no body"), second]
    assert bind.unreadable[0].why == "it names no message"
    bind.session.flush()
    assert bind.wire.commands() == [] and bind.counters.receipts_unreadable == 3
    for acknowledge in bind.acknowledges:
        acknowledge()
    bind.session.flush()
    assert bind.wire.commands() == [
        (pdu.DELIVER_SM_RESP, 0, 9),
        (pdu.DELIVER_SM_RESP, 0, 11),
        (pdu.DATA_SM | pdu.ANSWER, 0, 10),
    ]


async def test_a_receipt_may_come_as_data_sm(bind: Bind) -> None:
    body = b"\0\1\1491\0\5\0Sluice\0\4\0\0" + pdu.encode_tlv(pdu.TLV_MESSAGE_PAYLOAD, RECEIPT)
    bind.session.data_received(deliver(8, RECEIPT) + pdu.encode(pdu.DATA_SM, 9, body))
    assert [receipt.state for receipt in bind.receipts] == ["DELIVRD"] * 2
    for acknowledge in bind.acknowledges:
        acknowledge()
    bind.session.flush()
    assert bind.wire.commands() == [(pdu.DELIVER_SM_RESP, 0, 8), (pdu.DATA_SM | pdu.ANSWER, 0, 9)]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([pdu.DELIVER_SM, pdu.DATA_SM]), st.binary(max_size=120), st.integers(0, 90), st.booleans())
def test_no_body_ends_the_session(command: int, noise: bytes, keep: int, on_receipt: bool) -> None:
    whole = deliver(0, RECEIPT)[pdu.HEADER_LENGTH :]

    async def taken() -> Bind:
        bind = Bind()
        bind.take_bind()
        bind.session.data_received(pdu.encode(command, 7, whole[:keep] + noise if on_receipt else noise))
        for acknowledge in bind.acknowledges:
            acknowledge()
        bind.session.flush()
        return bind

    bind = asyncio.run(taken())
    assert not bind.wire.closed
    assert [answer[::2] for answer in bind.wire.commands()[1:]] == [(command | pdu.ANSWER, 7)]
