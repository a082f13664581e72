"""One bind against a peer that is played by hand: a transport that keeps what was written, a clock that stands
still."""

from collections.abc import Callable

import msgspec
import pytest

from connectors.carriers.contract import (
    Accepted,
    CarrierCallbacks,
    NotSent,
    Refused,
    Throttled,
    Unknown,
)
from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.carrier import SmppCarrier
from connectors.carriers.smpp.link import BindRefused
from infra.settings.carriers import SmppSettings
from tests.support.carriers import never_unreadable, submits
from tests.support.smpp_receipts import deliver
from tests.support.smpp_wire import Bind
from tests.support.waiting import until


@pytest.fixture
async def bind() -> Bind:
    bind = Bind()
    bind.take_bind()
    await until(lambda: bind.wire.writes)
    bind.wire.writes.clear()
    return bind


async def test_what_is_sent_in_one_turn_leaves_in_one_write(bind: Bind) -> None:
    bind.submit(submits(40))
    bind.submit(submits(40, first=40))
    assert bind.wire.writes == []
    await until(lambda: bind.wire.writes)
    assert len(bind.wire.writes) == 1
    assert len(bind.wire.commands()) == 80
    assert bind.session.room() == 20


async def test_only_what_was_written_is_uncertain(bind: Bind) -> None:
    bind.submit(submits(2))
    bind.session.flush()
    bind.submit(submits(3, first=2))
    bind.wire.close()
    assert bind.results == [*(NotSent(ref=ref) for ref in (2, 3, 4)), *(Unknown(ref=ref, lost=True) for ref in (0, 1))]
    assert bind.session.closed.done()


async def test_answers_before_a_broken_pdu_count(bind: Bind) -> None:
    bind.submit(submits(2))
    bind.session.flush()
    good = pdu.encode_answer_id(pdu.SUBMIT_SM_RESP, 2, "a")
    bind.session.data_received(good + b"\0\0\0\3" + b"\0" * 12)
    assert bind.results == [Accepted(ref=0, ids=("a",)), Unknown(ref=1, lost=True)]
    assert bind.wire.commands()[-1][:2] == (pdu.GENERIC_NACK, 2)


async def test_an_id_that_no_column_can_hold_is_cleaned_and_its_message_taken(bind: Bind) -> None:
    bind.submit(submits(3))
    bind.session.flush()
    for sequence, id_ in ((2, b"a" * 300), (3, b"7\n8\x01"), (4, b"")):
        bind.session.data_received(pdu.encode(pdu.SUBMIT_SM_RESP, sequence, id_ + b"\0"))
    assert bind.results == [Accepted(ref=0, ids=("a" * 128,)), Accepted(ref=1, ids=("78",)), Accepted(ref=2, ids=("",))]
    assert not bind.wire.closed


async def test_messages_of_one_call_have_their_own_results(bind: Bind) -> None:
    messages = [*submits(2), *submits(1, parts=2, first=2), *submits(4, first=3)]
    messages[4] = msgspec.structs.replace(messages[4], destination="1" * 21)
    bind.submit(messages)
    bind.session.flush()
    assert [sequence for _, _, sequence in bind.wire.commands()] == [2, 3, 4, 5, 7, 8]
    bind.session.data_received(
        pdu.encode_answer_id(pdu.SUBMIT_SM_RESP, 7, "e") + pdu.encode(pdu.SUBMIT_SM_RESP, 3, status=0x0B)
        + pdu.encode_answer_id(pdu.SUBMIT_SM_RESP, 4, "c1") + pdu.encode(pdu.SUBMIT_SM_RESP, 5, status=0x58)
    )  # fmt: skip
    bind.session.data_received(pdu.encode_answer_id(pdu.SUBMIT_SM_RESP, 9, "c2"))
    assert bind.results == [
        Refused(ref=4, code="ESME_RINVMSGLEN", klass="permanent"),
        Accepted(ref=5, ids=("e",)),
        Refused(ref=1, code="ESME_RINVDSTADR", klass="permanent"),
        Throttled(ref=3, code="ESME_RTHROTTLED"),
        Accepted(ref=2, ids=("c1", "c2")),
    ]
    bind.session.flush()
    bind.wire.close()
    assert sorted(result.ref for result in bind.results[5:] if isinstance(result, Unknown)) == [0, 6]


async def test_sequence_numbers_begin_anew_before_they_run_out(bind: Bind) -> None:
    bind.session._sequence = pdu.MAX_SEQUENCE - 1
    bind.submit(submits(1))
    bind.submit(submits(3, first=1))
    bind.session.flush()
    assert [sequence for _, _, sequence in bind.wire.commands()] == [pdu.MAX_SEQUENCE, 1, 2, 3]
    bind.session.data_received(pdu.encode_answer_id(pdu.SUBMIT_SM_RESP, 2, "b"))
    assert bind.results == [Accepted(ref=2, ids=("b",))]


async def test_silence_is_asked_about_and_then_ends_the_connection(bind: Bind) -> None:
    bind.now += 0.03
    await until(lambda: bind.wire.commands())
    assert [command for command, _, _ in bind.wire.commands()] == [pdu.ENQUIRE_LINK]
    assert not bind.wire.closed
    bind.now += 0.03
    await until(lambda: bind.wire.closed)
    assert bind.session.room() == 0


async def test_an_answered_question_keeps_the_connection(bind: Bind) -> None:
    for times in range(1, 4):
        bind.now += 0.03
        await until(lambda times=times: len(bind.wire.commands()) == times)  # type: ignore[misc]
        bind.session.data_received(pdu.encode(pdu.ENQUIRE_LINK_RESP, bind.wire.commands()[-1][2]))
    assert not bind.wire.closed


@pytest.mark.parametrize(
    ("request_pdu", "answer"),
    [
        (pdu.encode(pdu.ENQUIRE_LINK, 9), (pdu.ENQUIRE_LINK_RESP, 0, 9)),
        (pdu.encode(0x104, 9), (pdu.GENERIC_NACK, 3, 9)),
        (pdu.encode(pdu.DATA_SM, 9, b"\0\1\1491\0\5\0Sluice\0\0\0\0"), (pdu.DATA_SM | pdu.ANSWER, 0x66, 9)),
        (deliver(9, b"Hello", esm_class=0), (pdu.DELIVER_SM_RESP, 0x66, 9)),
    ],
)
async def test_what_the_carrier_asks_is_answered(bind: Bind, request_pdu: bytes, answer: tuple[int, int, int]) -> None:
    bind.session.data_received(request_pdu)
    await until(lambda: bind.wire.writes)
    assert bind.wire.commands() == [answer]
    assert bind.receipts == []


async def test_a_generic_nack_answers_its_submit(bind: Bind) -> None:
    bind.submit(submits(1))
    bind.session.flush()
    bind.session.data_received(pdu.encode(pdu.GENERIC_NACK, 2, status=0x58))
    assert [type(result).__name__ for result in bind.results] == ["Throttled"]


@pytest.mark.parametrize(
    "end",
    [
        lambda bind: bind.session.data_received(pdu.encode(pdu.BIND_TRANSCEIVER_RESP, 1, status=0x0E)),
        lambda bind: bind.session.data_received(pdu.encode(pdu.GENERIC_NACK, 1, status=0x03)),
        lambda bind: bind.wire.close(),
    ],
)
async def test_a_bind_that_is_not_taken_is_told(end: Callable[[Bind], None]) -> None:
    bind = Bind()
    end(bind)
    with pytest.raises(BindRefused):
        await bind.session.bound
    assert bind.wire.closed
    assert bind.session.room() == 0


async def test_a_peer_that_never_answers_the_bind_is_left() -> None:
    bind = Bind()
    bind.now += 1.0
    await until(lambda: bind.wire.closed)
    assert bind.session.bound.done()


def test_settings_of_a_row_name_every_fault_and_no_secret() -> None:
    with pytest.raises(ValueError, match=r"settings\.bind: ") as caught:
        SmppSettings.from_columns({"host": "", "port": 0, "system_id": "", "bind": "all"}, "secret" * 20)
    assert str(caught.value).count("settings.") == 5 and "secret" not in str(caught.value)
    settings = SmppSettings.from_columns({"host": "h", "port": 1, "system_id": "s", "tls": None}, "secret")
    assert "secret" not in repr(settings)
    assert SmppSettings.from_columns(*settings.columns()) == settings


@pytest.mark.parametrize(("window", "binds"), [(0, 1), (100_001, 1), (1, 0), (1, 51)])
def test_a_size_that_can_never_work(window: int, binds: int) -> None:
    settings = SmppSettings(host="h", port=1, system_id="s")
    callbacks = CarrierCallbacks(on_receipts=lambda _r, _a: None, on_room=lambda: None, on_unreadable=never_unreadable)
    with pytest.raises(ValueError, match=r"window|binds"):
        SmppCarrier(settings, callbacks, window=window, binds=binds)
