"""Any carrier keeps these promises, each checked on every implementation against what its counterpart says it got."""

from collections import Counter

import msgspec
import pytest

from connectors.carriers.contract import Accepted, Carrier, NotSent, Refused, Result, Submit, Throttled, Unfit, Unknown
from schemas.values.ids import concat_reference
from tests.support.carriers import BINDS, WINDOW, Start, id_of, submits
from tests.support.waiting import until


async def test_every_message_is_accepted_once(start: Start) -> None:
    harness = await start()
    carrier: Carrier = harness.carrier
    results = await harness.send_all(submits(500))
    assert carrier.connected
    assert {type(result) for result in results.values()} == {Accepted}
    assert set(harness.results_each().values()) == {1}
    taken = {entry.destination: entry.id for entry in harness.taken()}
    assert taken == {f"49151{ref:08}": result.ids[0] for ref, result in results.items() if isinstance(result, Accepted)}


async def test_receipts_name_the_ids_that_were_answered(start: Start) -> None:
    harness = await start(states={"UNDELIV": 3})
    results = await harness.send_all(submits(30))
    await until(lambda: len(harness.receipts) >= 30)
    answered = {result.ids[0]: ref for ref, result in results.items() if isinstance(result, Accepted)}
    for receipt in harness.receipts:
        ref = next(answered[form] for form in harness.carrier.lookup_ids(receipt.carrier_message_id) if form in answered)
        assert receipt.destination == f"49151{ref:08}"
        assert receipt.done_at is not None
    assert Counter(receipt.state for receipt in harness.receipts) == {"DELIVRD": 20, "UNDELIV": 10}


@pytest.mark.parametrize("id_form", ["dec", "hex", "hex-dec", "dec-hex"])
async def test_ids_are_found_in_whatever_form_the_receipt_has_them(start: Start, id_form: str) -> None:
    harness = await start(id_form=id_form, first_id=0x1ABCDE)
    results = await harness.send_all(submits(20))
    await until(lambda: len(harness.receipts) >= 20)
    remembered = {harness.carrier.stored_id(result.ids[0]) for result in results.values() if isinstance(result, Accepted)}
    found = {
        form
        for receipt in harness.receipts
        for form in harness.carrier.lookup_ids(receipt.carrier_message_id)
        if form in remembered
    }
    assert len(remembered) == 20
    assert found == remembered


async def test_parts_follow_each_other_and_have_an_id_each(start: Start) -> None:
    harness = await start()
    results = await harness.send_all(submits(40, parts=3))
    for ref, result in results.items():
        assert isinstance(result, Accepted)
        mine = [entry for entry in harness.taken() if entry.destination == f"49151{ref:08}"]
        reference = concat_reference(id_of(ref))
        assert [(entry.reference, entry.total, entry.sequence) for entry in mine] == [(reference, 3, n) for n in (1, 2, 3)]
        assert tuple(entry.id for entry in mine) == result.ids
    assert len(harness.taken()) == 120


async def test_a_caller_may_pace_part_by_part(start: Start) -> None:
    harness = await start()
    (message,) = submits(1, parts=3)
    ids: list[str] = []
    for part in range(3):
        results = await harness.send_all([msgspec.structs.replace(message, first_part=part, part_count=1)])
        result = results[0]
        assert isinstance(result, Accepted) and len(result.ids) == 1
        ids += result.ids
    assert [(entry.sequence, entry.id) for entry in harness.taken()] == list(enumerate(ids, 1))


async def test_a_throttled_message_goes_out_later_and_once(start: Start) -> None:
    harness = await start(throttle_every=3)
    waiting = submits(90)
    rounds = 0
    while waiting:
        results = await harness.send_all(waiting)
        waiting = [message for message in waiting if isinstance(results[message.ref], Throttled)]
        rounds += 1
    assert rounds > 1
    assert {type(result) for result in harness.by_ref().values()} == {Accepted}
    assert sorted(entry.destination for entry in harness.taken()) == [f"49151{ref:08}" for ref in range(90)]


async def test_a_throttle_between_parts_tells_where_to_go_on(start: Start) -> None:
    harness = await start(throttle_every=4)
    waiting = submits(30, parts=3)
    while waiting:
        results = await harness.send_all(waiting)
        waiting = [rest for message in waiting if (rest := _rest(message.ref, results, parts=3))]
    sent = Counter((entry.destination, entry.sequence) for entry in harness.taken())
    assert set(sent.values()) == {1}
    assert len(sent) == 90


def _rest(ref: int, results: dict[int, Result], *, parts: int) -> Submit | None:
    result = results[ref]
    if not isinstance(result, Throttled):
        return None
    (message,) = submits(1, parts=parts, first=ref)
    return msgspec.structs.replace(message, first_part=result.sent_parts)


async def test_a_refusal_has_its_code_and_class(start: Start) -> None:
    harness = await start(error_suffixes={"3": 0x0B, "5": 0x08, "7": 0x0400})
    results = await harness.send_all(submits(10))
    refused = {ref: (result.code, result.klass) for ref, result in results.items() if isinstance(result, Refused)}
    assert refused == {
        3: ("ESME_RINVDSTADR", "permanent"),
        5: ("ESME_RSYSERR", "transient"),
        7: ("0x00000400", "unknown"),
    }
    assert len(harness.taken()) == 7


async def test_a_refusal_between_parts_ends_the_message_there(start: Start) -> None:
    harness = await start(error_every=2, error_status=0x0B)
    (result,) = (await harness.send_all(submits(1, parts=3))).values()
    assert isinstance(result, Refused)
    assert (result.sent_parts, result.ids) == (1, tuple(entry.id for entry in harness.taken()))
    assert len(harness.seen()) == 2


async def test_what_the_carrier_cannot_address_is_refused_and_harms_no_other(start: Start) -> None:
    harness = await start()
    good, bad = submits(2)
    results = await harness.send_all([msgspec.structs.replace(bad, destination="1" * 21), good])
    assert isinstance(results[good.ref], Accepted)
    refused = results[bad.ref]
    assert isinstance(refused, Refused) and refused.klass == "permanent"
    assert len(harness.seen()) == 1


@pytest.mark.parametrize(("text", "reason"), [("half a \ud83c pair", "bad_text"), ("x" * 153 * 256, "too_long")])
async def test_text_that_nothing_can_carry_is_unfit_and_harms_no_other(start: Start, text: str, reason: str) -> None:
    harness = await start()
    good, bad, last = submits(3)
    results = await harness.send_all([good, msgspec.structs.replace(bad, text=text), last])
    assert results[bad.ref] == Unfit(ref=bad.ref, reason=reason)  # type: ignore[arg-type]  # why: a parameter of the test
    assert len(harness.seen()) == 2


@pytest.mark.parametrize("counted", [1, 2, 4])
async def test_a_text_counted_otherwise_goes_whole_and_once(start: Start, counted: int) -> None:
    """As dispatch asks: one at a time, with the last that was counted all that are left."""
    harness = await start()
    (message,) = submits(1, parts=3)
    ids: list[str] = []
    for part in range(counted):
        count = 1 if part + 1 < counted else 0
        asked = msgspec.structs.replace(message, parts=counted, first_part=part, part_count=count)
        results = await harness.send_all([asked])
        result = results[0]
        assert isinstance(result, Accepted)
        ids += result.ids
    assert [(entry.sequence, entry.id) for entry in harness.taken()] == list(enumerate(ids, 1))
    assert len(ids) == 3


async def test_an_answer_that_stays_out_leaves_that_message_unknown(start: Start) -> None:
    harness = await start(patience=3.0, lose_answer_every=10)
    results = await harness.send_all(submits(100))
    kinds = Counter(type(result) for result in results.values())
    assert kinds == {Accepted: 90, Unknown: 10}
    assert set(harness.results_each().values()) == {1}
    assert len(harness.taken()) == 100
    await until(lambda: harness.carrier.room() == WINDOW * BINDS)


@pytest.mark.parametrize("parts", [1, 2])
async def test_a_lost_connection_gives_every_message_one_honest_result(start: Start, parts: int) -> None:
    harness = await start(disconnect_after=25)
    results = await harness.send_all(submits(300, parts=parts))
    assert set(harness.results_each().values()) == {1}
    kinds = Counter(type(result) for result in results.values())
    assert kinds[Accepted] > 0 and kinds[Unknown] > 0
    assert set(kinds) <= {Accepted, Unknown, NotSent}
    taken = Counter((entry.destination, entry.sequence) for entry in harness.taken())
    assert set(taken.values()) == {1}
    for ref, result in results.items():
        got = sum(1 for sequence in range(1, parts + 1) if taken[f"49151{ref:08}", sequence])
        match result:
            case Accepted():
                assert got == parts
            case Unknown(sent_parts=sent):
                assert got in (sent, sent + 1)
            case NotSent(sent_parts=sent):
                assert got == sent
    harness.behave()
    await until(lambda: harness.carrier.room() == WINDOW * BINDS)
    assert isinstance((await harness.send_all(submits(1, first=1000)))[1000], Accepted)


async def test_receipts_may_come_before_the_answer(start: Start) -> None:
    harness = await start(receipt_early_every=1, answer_delay_seconds=2.0)
    sending = submits(20)
    harness.carrier.send(sending, harness.results.extend)
    await until(lambda: len(harness.receipts) == 20)
    assert harness.results == []
    await until(lambda: len(harness.results) == 20)
    assert {receipt.carrier_message_id for receipt in harness.receipts} == {entry.id for entry in harness.taken()}


async def test_receipts_come_late_twice_never_and_for_unknown_ids(start: Start) -> None:
    harness = await start(
        receipt_late_every=5,
        receipt_late_seconds=0.1,
        receipt_twice_every=4,
        receipt_never_every=10,
        receipt_unknown_every=20,
    )
    await harness.send_all(submits(40))
    ids = [entry.id for entry in harness.taken()]
    await until(lambda: len(harness.receipts) >= 46)
    count = Counter(receipt.carrier_message_id for receipt in harness.receipts)
    assert sum(1 for message_id in ids if count[message_id] == 0) == 4
    assert sum(1 for message_id in ids if count[message_id] == 2) == 8
    assert sum(1 for message_id in count if message_id not in ids) == 2


async def test_a_receipt_is_repeated_until_it_was_confirmed(start: Start) -> None:
    harness = await start(answer_at_once=False)
    await harness.send_all(submits(10))
    await until(lambda: len(harness.receipts) == 10)
    lost, harness.unconfirmed = harness.unconfirmed, []
    harness.server.disconnect()
    await until(lambda: len(harness.receipts) == 20)
    for acknowledge in lost:
        acknowledge()
    assert harness.server.counters.receipts_confirmed == 0
    for acknowledge in harness.unconfirmed:
        acknowledge()
        acknowledge()
    await until(lambda: harness.server.counters.receipts_confirmed == 10)
    harness.server.disconnect()
    await until(lambda: harness.server.counters.binds == 3 * BINDS and harness.carrier.room() == WINDOW * BINDS)
    result = (await harness.send_all(submits(1, first=99)))[99]
    assert isinstance(result, Accepted)
    await until(lambda: harness.receipts[-1].carrier_message_id == result.ids[0])
    assert Counter(receipt.carrier_message_id for receipt in harness.receipts[:20]).most_common()[-1][1] == 2
    assert len(harness.receipts) == 21


async def test_the_window_is_never_exceeded(start: Start) -> None:
    harness = await start(answer_delay_seconds=0.02)
    messages = submits(WINDOW * BINDS + 7)
    harness.carrier.send(messages, harness.results.extend)
    assert harness.carrier.room() == 0
    await until(lambda: len(harness.results) == len(messages))
    assert Counter(type(result) for result in harness.results) == {Accepted: WINDOW * BINDS, NotSent: 7}
    await harness.send_all(submits(200, first=100, parts=2))
    assert harness.server.counters.peak_window == WINDOW


async def test_a_carrier_that_is_down_takes_nothing_and_comes_back(start: Start) -> None:
    harness = await start(listen=False, system_id="somebody-else")
    await harness.carrier.open()
    await until(lambda: harness.server.counters.binds_refused >= 3)
    assert not harness.carrier.connected
    assert harness.carrier.room() == 0
    harness.carrier.send(submits(3), harness.results.extend)
    assert harness.results == []
    await until(lambda: harness.results == [NotSent(ref=ref) for ref in range(3)])
    harness.behave()
    await until(lambda: harness.carrier.room() == WINDOW * BINDS)
    assert isinstance((await harness.send_all(submits(1, first=7)))[7], Accepted)


async def test_closing_waits_for_answers(start: Start) -> None:
    harness = await start(answer_delay_seconds=0.1)
    harness.carrier.send(submits(10, parts=2), harness.results.extend)
    await harness.carrier.close()
    assert Counter(type(result) for result in harness.results) == {Accepted: 10}
    assert harness.carrier.room() == 0
    assert not harness.carrier.connected
    assert len(harness.taken()) == 20
