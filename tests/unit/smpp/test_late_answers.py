"""One bind: answers that come too late, the carrier's own leave, PDUs that have no answer."""

import pytest

from connectors.carriers.contract import Accepted, NotSent, Refused, Result, Throttled, Unknown
from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.flight import LATE_SECONDS
from tests.support.carriers import submits
from tests.support.smpp_wire import Bind
from tests.support.waiting import until


@pytest.fixture
async def bind() -> Bind:
    bind = Bind()
    bind.take_bind()
    await until(lambda: bind.wire.writes)
    bind.wire.writes.clear()
    return bind


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (pdu.encode_answer_id(pdu.SUBMIT_SM_RESP, 2, "a"), Accepted(ref=0, ids=("a",))),
        (pdu.encode(pdu.SUBMIT_SM_RESP, 2, status=0x0B), Refused(ref=0, code="ESME_RINVDSTADR", klass="permanent")),
        (pdu.encode(pdu.SUBMIT_SM_RESP, 2, status=0x58), Throttled(ref=0, code="ESME_RTHROTTLED")),
        (pdu.encode(pdu.GENERIC_NACK, 2, status=0x03), Refused(ref=0, code="ESME_RINVCMDID", klass="permanent")),
    ],
)
async def test_an_answer_that_comes_too_late_gives_its_result_once(bind: Bind, answer: bytes, expected: Result) -> None:
    bind.submit(submits(1))
    bind.session.flush()
    bind.now += 1.0
    await until(lambda: bind.results)
    bind.session.data_received(answer)
    bind.session.data_received(answer)
    assert bind.results == [Unknown(ref=0), expected]


async def test_a_late_answer_to_a_part_speaks_of_that_part_and_sends_no_other(bind: Bind) -> None:
    bind.submit(submits(1, parts=3))
    bind.session.flush()
    bind.session.data_received(pdu.encode_answer_id(pdu.SUBMIT_SM_RESP, 2, "a"))
    bind.session.flush()
    bind.now += 1.0
    await until(lambda: bind.results)
    bind.session.data_received(pdu.encode_answer_id(pdu.SUBMIT_SM_RESP, 3, "b"))
    bind.session.flush()
    assert bind.results == [Unknown(ref=0, sent_parts=1, ids=("a",)), Accepted(ref=0, ids=("b",))]
    assert [sequence for command, _, sequence in bind.wire.commands() if command == pdu.SUBMIT_SM] == [2, 3]


async def test_answers_too_late_by_minutes_are_nobodys(bind: Bind) -> None:
    bind.submit(submits(1))
    bind.session.flush()
    bind.now += 1.0
    await until(lambda: bind.results)
    bind.now += LATE_SECONDS + 1
    await until(lambda: not bind.session._overdue._flights)
    bind.session.data_received(pdu.encode_answer_id(pdu.SUBMIT_SM_RESP, 2, "a"))
    assert [type(result) for result in bind.results] == [Unknown]
    assert bind.counters.late_answers == 1


async def test_a_carrier_that_unbinds_is_answered_and_gets_nothing_more(bind: Bind) -> None:
    bind.session.data_received(pdu.encode(pdu.UNBIND, 9))
    assert bind.session.room() == 0
    await until(lambda: bind.wire.closed)
    assert bind.wire.commands() == [(pdu.UNBIND_RESP, 0, 9)]


async def test_answers_behind_the_carriers_unbind_count_and_nothing_new_goes_out(bind: Bind) -> None:
    bind.submit([*submits(1), *submits(1, parts=2, first=1)])
    bind.session.flush()
    bind.submit(submits(1, first=2))
    bind.session.data_received(pdu.encode(pdu.UNBIND, 9) + pdu.encode_answer_id(pdu.SUBMIT_SM_RESP, 2, "a"))
    assert bind.results == [NotSent(ref=2), Accepted(ref=0, ids=("a",))]
    bind.session.flush()
    assert [sequence for command, _, sequence in bind.wire.commands() if command == pdu.SUBMIT_SM] == [2, 3]
    assert not bind.wire.closed and bind.session.room() == 0
    bind.session.data_received(pdu.encode_answer_id(pdu.SUBMIT_SM_RESP, 3, "b"))
    await until(lambda: bind.wire.closed)
    assert bind.results[2:] == [NotSent(ref=1, sent_parts=1, ids=("b",))]
    assert bind.wire.commands()[2:] == [(pdu.UNBIND_RESP, 0, 9)]


async def test_a_carrier_that_answers_only_behind_our_unbind_resp_is_heard(bind: Bind) -> None:
    bind.session._config = bind.session._config.model_copy(update={"response_timeout_seconds": 30.0})
    bind.submit(submits(1))
    bind.session.flush()
    bind.session.data_received(pdu.encode(pdu.UNBIND, 9))
    await until(lambda: (pdu.UNBIND_RESP, 0, 9) in bind.wire.commands())
    assert not bind.wire.closed
    bind.session.data_received(pdu.encode_answer_id(pdu.SUBMIT_SM_RESP, 2, "a"))
    await until(lambda: bind.wire.closed)
    assert bind.results == [Accepted(ref=0, ids=("a",))]


async def test_a_carrier_that_unbinds_and_never_answers_is_left_after_a_moment(bind: Bind) -> None:
    bind.submit(submits(1))
    bind.session.flush()
    bind.session.data_received(pdu.encode(pdu.UNBIND, 9))
    await until(lambda: bind.wire.closed)
    assert bind.results == [Unknown(ref=0, lost=True)]


@pytest.mark.parametrize("command", [0x102, 0x0B, 0x80000102, 0x80000021, 0x800000FF])
async def test_what_has_no_answer_gets_none(bind: Bind, command: int) -> None:
    bind.session.data_received(pdu.encode(command, 9, b"\1\1" + b"49151\0\1\1" + b"1\0") + pdu.encode(pdu.ENQUIRE_LINK, 10))
    await until(lambda: bind.wire.writes)
    assert bind.wire.commands() == [(pdu.ENQUIRE_LINK_RESP, 0, 10)]
