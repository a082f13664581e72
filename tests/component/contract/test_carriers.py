"""Any carrier keeps these promises, each checked on every kind against what its counterpart says it got."""

from collections import Counter

import msgspec
import pytest

from connectors.carriers.contract import Accepted, Carrier, NotSent, Refused, Throttled, Unfit, Unknown
from tests.support.carrier_peers.peer import Case, Manners
from tests.support.carriers import BINDS, WINDOW, Start, submits
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


async def test_a_throttled_message_goes_out_later_and_once(start: Start) -> None:
    harness = await start(Manners(throttle_every=3))
    waiting = submits(90)
    rounds = 0
    while waiting:
        results = await harness.send_all(waiting)
        waiting = [message for message in waiting if isinstance(results[message.ref], Throttled)]
        rounds += 1
    assert rounds > 1
    assert {type(result) for result in harness.by_ref().values()} == {Accepted}
    assert sorted(entry.destination for entry in harness.taken()) == [f"49151{ref:08}" for ref in range(90)]


async def test_a_refusal_has_its_code_and_class(start: Start) -> None:
    harness = await start(Manners(refuse={"3": "permanent", "5": "transient", "7": "unknown"}))
    results = await harness.send_all(submits(10))
    refused = {ref: (result.code, result.klass) for ref, result in results.items() if isinstance(result, Refused)}
    codes = harness.peer.codes
    assert refused == {
        3: (codes["permanent"], "permanent"),
        5: (codes["transient"], "transient"),
        7: (codes["unknown"], "unknown"),
    }
    assert len(harness.taken()) == 7


@pytest.mark.needs(Case.LONG_ADDRESS)
async def test_what_the_carrier_cannot_address_is_refused_and_harms_no_other(start: Start) -> None:
    harness = await start()
    good, bad = submits(2)
    results = await harness.send_all([msgspec.structs.replace(bad, destination="1" * 21), good])
    assert isinstance(results[good.ref], Accepted)
    refused = results[bad.ref]
    assert isinstance(refused, Refused) and refused.klass == "permanent"
    assert len(harness.peer.seen()) == 1


@pytest.mark.parametrize(("text", "reason"), [("half a \ud83c pair", "bad_text"), ("x" * 153 * 256, "too_long")])
async def test_text_that_nothing_can_carry_is_unfit_and_harms_no_other(start: Start, text: str, reason: str) -> None:
    harness = await start()
    good, bad, last = submits(3)
    results = await harness.send_all([good, msgspec.structs.replace(bad, text=text), last])
    assert results[bad.ref] == Unfit(ref=bad.ref, reason=reason)  # type: ignore[arg-type]  # why: a parameter of the test
    assert len(harness.peer.seen()) == 2


async def test_an_answer_that_stays_out_leaves_that_message_unknown(start: Start) -> None:
    harness = await start(Manners(silent_every=10), patience=3.0)
    results = await harness.send_all(submits(100))
    kinds = Counter(type(result) for result in results.values())
    assert kinds == {Accepted: 90, Unknown: 10}
    assert set(harness.results_each().values()) == {1}
    assert len(harness.taken()) == 100
    await until(lambda: harness.carrier.room() == WINDOW * BINDS)


@pytest.mark.parametrize("parts", [1, 2])
async def test_a_lost_connection_gives_every_message_one_honest_result(start: Start, parts: int) -> None:
    harness = await start(Manners(cut_after=25))
    results = await harness.send_all(submits(300, parts=parts))
    assert set(harness.results_each().values()) == {1}
    kinds = Counter(type(result) for result in results.values())
    assert kinds[Accepted] > 0 and kinds[Unknown] > 0
    assert set(kinds) <= {Accepted, Unknown, NotSent}
    taken = Counter((entry.destination, entry.sequence) for entry in harness.taken())
    assert set(taken.values()) == {1}
    parts = harness.submits_of(parts)
    for ref, result in results.items():
        got = sum(1 for sequence in range(1, parts + 1) if taken[f"49151{ref:08}", sequence])
        match result:
            case Accepted():
                assert got == parts
            case Unknown(sent_parts=sent):
                assert got in (sent, sent + 1)
            case NotSent(sent_parts=sent):
                assert got == sent
    harness.peer.behave(Manners())
    await harness.until_full_room()
    assert isinstance((await harness.send_all(submits(1, first=1000)))[1000], Accepted)


async def test_the_window_is_never_exceeded(start: Start) -> None:
    harness = await start(Manners(answer_delay_seconds=0.02))
    messages = submits(WINDOW * BINDS + 7)
    harness.carrier.send(messages, harness.results.extend)
    assert harness.carrier.room() == 0
    await until(lambda: len(harness.results) == len(messages))
    assert Counter(type(result) for result in harness.results) == {Accepted: WINDOW * BINDS, NotSent: 7}
    await harness.send_all(submits(200, first=100, parts=2))
    counted = Case.CONNECTIONS not in harness.peer.cannot
    assert harness.peer.most_unanswered == (WINDOW if counted else WINDOW * BINDS)


async def test_a_carrier_that_is_down_takes_nothing_and_comes_back(start: Start) -> None:
    harness = await start(Manners(refuses_account=True), listen=False)
    await harness.carrier.open()
    await until(lambda: harness.peer.refused_connections >= 3)
    assert not harness.carrier.connected
    assert harness.carrier.room() == 0
    harness.carrier.send(submits(3), harness.results.extend)
    assert harness.results == []
    await until(lambda: harness.results == [NotSent(ref=ref) for ref in range(3)])
    harness.peer.behave(Manners())
    await harness.until_full_room()
    assert isinstance((await harness.send_all(submits(1, first=7)))[7], Accepted)


async def test_closing_waits_for_answers(start: Start) -> None:
    harness = await start(Manners(answer_delay_seconds=0.1))
    harness.carrier.send(submits(10, parts=2), harness.results.extend)
    await harness.carrier.close()
    assert Counter(type(result) for result in harness.results) == {Accepted: 10}
    assert harness.carrier.room() == 0
    assert not harness.carrier.connected
    assert len(harness.taken()) == 10 * harness.submits_of(2)


@pytest.mark.needs(Case.LATE_ANSWERS)
async def test_an_answer_behind_the_patience_is_one_more_result(start: Start) -> None:
    harness = await start(Manners(answer_delay_seconds=1.2), patience=0.4)
    (first,) = (await harness.send_all(submits(1))).values()
    assert first == Unknown(ref=0)
    await until(lambda: len(harness.results) == 2)
    assert harness.results[1] == Accepted(ref=0, ids=(harness.taken()[0].id,))


async def test_a_message_of_a_kind_that_sends_whole_is_asked_once_and_has_one_id(start: Start) -> None:
    """For the other kinds the same call means: all segments."""
    harness = await start()
    results = await harness.send_all(submits(20, parts=3))
    ids = [len(result.ids) for result in results.values() if isinstance(result, Accepted)]
    each = harness.submits_of(3)
    assert ids == [each] * 20
    assert len(harness.taken()) == each * 20


async def test_closing_gives_what_has_no_answer_its_result(start: Start) -> None:
    harness = await start(Manners(silent_every=1), patience=0.5)
    harness.carrier.send(submits(5), harness.results.extend)
    await until(lambda: len(harness.taken()) == 5)
    await harness.carrier.close()
    assert {type(result) for result in harness.results} == {Unknown}
    assert harness.results_each() == dict.fromkeys(range(5), 1)
