"""Receipts of any carrier: whose they are, when they come, until when they come again."""

from collections import Counter

import pytest

from connectors.carriers.contract import Accepted
from tests.support.carrier_peers.peer import UNREADABLE, Case, Manners
from tests.support.carriers import BINDS, WINDOW, Start, submits
from tests.support.waiting import until


async def test_receipts_name_the_ids_that_were_answered(start: Start) -> None:
    harness = await start(Manners(states={"UNDELIV": 3}))
    results = await harness.send_all(submits(30))
    await until(lambda: len(harness.receipts) >= 30)
    answered = {result.ids[0]: ref for ref, result in results.items() if isinstance(result, Accepted)}
    for receipt in harness.receipts:
        ref = next(answered[form] for form in harness.carrier.lookup_ids(receipt.carrier_message_id) if form in answered)
        assert receipt.destination == f"49151{ref:08}"
        assert receipt.done_at is not None
    assert Counter(receipt.state for receipt in harness.receipts) == {"DELIVRD": 20, "UNDELIV": 10}


@pytest.mark.needs(Case.ID_FORMS)
@pytest.mark.parametrize("id_form", ["dec", "hex", "hex-dec", "dec-hex"])
async def test_ids_are_found_in_whatever_form_the_receipt_has_them(start: Start, id_form: str) -> None:
    harness = await start(Manners(id_form=id_form))
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


async def test_receipts_may_come_before_the_answer(start: Start) -> None:
    harness = await start(Manners(receipt_early_every=1, answer_delay_seconds=2.0))
    sending = submits(20)
    harness.carrier.send(sending, harness.results.extend)
    await until(lambda: len(harness.receipts) == 20)
    assert harness.results == []
    await until(lambda: len(harness.results) == 20)
    assert {receipt.carrier_message_id for receipt in harness.receipts} == {entry.id for entry in harness.taken()}


async def test_receipts_come_late_twice_never_and_for_unknown_ids(start: Start) -> None:
    harness = await start(
        Manners(receipt_late_every=5, receipt_twice_every=4, receipt_never_every=10, receipt_unknown_every=20)
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
    connections = harness.peer.accepted_connections
    await harness.send_all(submits(10))
    await until(lambda: len(harness.receipts) == 10)
    lost, harness.unconfirmed = harness.unconfirmed, []
    harness.peer.cut()
    await until(lambda: len(harness.receipts) == 20)
    for acknowledge in lost:
        acknowledge()
    assert harness.peer.confirmed == 0
    for acknowledge in harness.unconfirmed:
        acknowledge()
        acknowledge()
    await until(lambda: harness.peer.confirmed == 10)
    harness.peer.cut()
    await until(lambda: harness.peer.accepted_connections == 3 * connections and harness.carrier.room() == WINDOW * BINDS)
    result = (await harness.send_all(submits(1, first=99)))[99]
    assert isinstance(result, Accepted)
    await until(lambda: harness.receipts[-1].carrier_message_id == result.ids[0])
    assert Counter(receipt.carrier_message_id for receipt in harness.receipts[:20]).most_common()[-1][1] == 2
    assert len(harness.receipts) == 21


async def test_a_receipt_that_nobody_can_read_is_handed_over_confirmed_and_harms_no_other(start: Start) -> None:
    harness = await start(Manners(states={UNREADABLE: 2}), answer_at_once=False)
    await harness.send_all(submits(10))
    await until(lambda: len(harness.receipts) == 5 and len(harness.unreadable) == 5)
    assert all(UNREADABLE.encode() in one.raw and one.why for one in harness.unreadable)
    assert harness.peer.confirmed == 0, "nothing is safe yet"
    for acknowledge in harness.unconfirmed:
        acknowledge()
    await until(lambda: harness.peer.confirmed == 10)
