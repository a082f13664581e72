"""Receipts find their messages, early ones wait, and are confirmed only when Kafka has them."""

from __future__ import annotations

import asyncio
from array import array

import msgspec
import pytest

from connectors.carriers.contract import Unreadable
from connectors.carriers.smpp.message_id import candidates
from connectors.dispatch import receipt_matcher as receipts_module
from connectors.dispatch.carrier_id_cache import CarrierIdCache
from schemas.records.wire import NO_TIME
from tests.support.dispatch.receipt_matching import MatcherHarness, messages, receipt, written
from tests.support.dispatch.records import SEALER


async def test_known_receipts_are_written_by_chunk_and_confirmed_afterwards() -> None:
    harness, of = MatcherHarness(), messages()
    for rank in range(3):
        harness.matcher.learn(f"{rank + 1}", of, rank)
    harness.take("a", receipt("1", 0), receipt("3", 2, "UNDELIV"))
    harness.take("b", receipt("2", 1))
    await harness.rest()
    [record] = harness.written
    assert (record.chunk, record.count, record.states) == (of.slice.chunk, 3, "DELIVRD\nUNDELIV\nDELIVRD")
    assert list(array("H", record.places)) == [0, 2, 1] == list(array("I", record.indexes))
    assert list(array("q", record.done_at)) == [5000] * 3
    assert record.to_hashes == of.hash(0) + of.hash(2) + of.hash(1)
    refs = SEALER.unseal(
        record.sealed_refs or b"", key_id=record.key_id, tenant="t", campaign=of.slice.campaign, chunk=of.slice.chunk
    ).refs
    assert refs == [None, None, "ref"]
    assert harness.confirmed == []
    harness.kafka_has_all()
    assert sorted(harness.confirmed) == ["a", "b"]


async def test_few_receipts_wait_for_no_others_many_do() -> None:
    harness, of = MatcherHarness(linger=3600), messages(size=100)
    for rank in range(100):
        harness.matcher.learn(f"{rank}", of, rank)
    harness.take("a", receipt("1", 1))
    await written(harness)
    harness.kafka_has_all()
    harness.take("b", *(receipt(str(place), place) for place in range(2, 60)))
    await written(harness, 2)
    harness.kafka_has_all()
    harness.take("c", receipt("70", 70))
    for _ in range(10):
        await asyncio.sleep(0)
    assert [record.count for record in harness.written] == [1, 58], "after many more are expected"
    harness.matcher.flush()


async def test_an_id_in_another_form_is_found_when_the_destination_agrees() -> None:
    harness, of = MatcherHarness(), messages()
    harness.matcher.learn("ff", of, 4)
    harness.take("a", receipt("255", 4))
    await harness.rest()
    assert [(record.ids, list(array("H", record.places))) for record in harness.written] == [("ff", [4])]


async def test_another_destination_is_another_message() -> None:
    harness, of = MatcherHarness(), messages()
    harness.matcher.learn("7", of, 0)
    harness.take("a", receipt("7", 5), receipt("7", 0, destination=""))
    await harness.rest()
    assert harness.written == [] and harness.matcher.open == 2


async def test_each_of_two_ids_is_tried_and_the_known_one_wins() -> None:
    harness, of = MatcherHarness(), messages()
    harness.matcher.learn("ff", of, 4)
    harness.matcher.learn("a_b", of, 5)
    harness.take("a", receipt("0", 4, other_id="255"), receipt("x", 5, other_id="a,b"), receipt("1", 6, other_id="2,3"))
    await harness.rest()
    assert [(record.ids, list(array("H", record.places))) for record in harness.written] == [("ff\na_b", [4, 5])]
    assert harness.matcher.open == 2, "one waits for its answer, one flush is open"


@pytest.mark.parametrize(
    ("destination", "other"),
    [("1510000004", ""), ("01510000004", ""), ("00491510000004", ""), ("4930123456", "491510000004")],
)
async def test_the_destination_agrees_in_its_national_form_and_not_swapped(destination: str, other: str) -> None:
    harness, of = MatcherHarness(), messages()
    harness.matcher.learn("7", of, 4)
    harness.take("a", receipt("7", 4, destination=destination, other_address=other))
    await harness.rest()
    assert [list(array("H", record.places)) for record in harness.written] == [[4]]


async def test_where_ids_have_one_form_no_destination_is_asked() -> None:
    harness, of = MatcherHarness(), messages()
    harness.matcher.lookup, harness.matcher.strict = lambda receipt_id: candidates(receipt_id, "same"), False
    harness.matcher.learn("7", of, 4)
    harness.matcher.learn("8", of, 5)
    harness.take("a", receipt("7", 0, destination="0815"), receipt("8", 0, destination=""))
    await harness.rest()
    assert [list(array("H", record.places)) for record in harness.written] == [[4, 5]]


async def test_a_receipt_before_its_answer_may_be_not_swapped() -> None:
    harness, of = MatcherHarness(), messages()
    harness.matcher.in_flight = lambda destination: destination == 491510000003
    harness.take("a", receipt("9", 3, destination="4930123456", other_address="491510000003"))
    harness.matcher.learn("9", of, 3)
    await harness.rest()
    assert [record.chunk for record in harness.written] == [of.slice.chunk]


@pytest.mark.parametrize("early", ["01510000003", "1510000003"])
async def test_a_receipt_before_its_answer_may_hold_a_national_form(early: str) -> None:
    harness, of = MatcherHarness(), messages()
    harness.matcher.in_flight = lambda destination: destination in (None, 491510000003)
    harness.matcher.learn("7", of, 4)
    harness.take("a", receipt("7", 4, destination="1510000004"))
    harness.take("b", receipt("9", 3, destination=early))
    harness.matcher.learn("9", of, 3)
    await harness.rest()
    assert [list(array("H", record.places)) for record in harness.written] == [[4, 3]]


async def test_what_nobody_can_read_is_buried_and_confirmed_afterwards() -> None:
    harness, what = MatcherHarness(), Unreadable(raw=b"\0\xff", why="odd")
    harness.matcher.dead_letter_unreadable(what, lambda: harness.confirmed.append("a"))
    assert harness.buried == [("acme", what)] and harness.confirmed == []
    harness.kafka_has_all()
    assert harness.confirmed == ["a"]


async def test_the_first_second_and_no_time_at_all_are_told_apart() -> None:
    harness, of = MatcherHarness(), messages()
    harness.matcher.learn("1", of, 0)
    harness.matcher.learn("2", of, 1)
    for id_, place, done_at in (("1", 0, 0.0), ("2", 1, None)):
        harness.take("a", msgspec.structs.replace(receipt(id_, place), done_at=done_at))
    await harness.rest()
    assert [list(array("q", record.done_at)) for record in harness.written] == [[0, NO_TIME]]
    assert harness.written[0].accepted_at == of.slice.accepted_at, "nothing is learned of before it is accepted"
    assert harness.written[0].done_texts == ""


async def test_what_is_no_time_goes_on_as_it_was_written_known_or_not() -> None:
    harness, of = MatcherHarness(), messages()
    harness.matcher.in_flight = lambda destination: False
    harness.matcher.learn("1", of, 0)
    harness.matcher.learn("2", of, 1)
    odd = msgspec.structs.replace(receipt("1", 0), done_at=None, done_text="4 March")
    harness.take("a", odd, receipt("2", 1), msgspec.structs.replace(odd, carrier_message_id="9", destination="491510000009"))
    await harness.rest()
    assert {(record.chunk is None, record.done_texts) for record in harness.written} == {
        (False, "4 March\n"),
        (True, "4 March"),
    }


async def test_a_receipt_before_its_answer_waits_for_it() -> None:
    harness, of = MatcherHarness(), messages()
    harness.take("a", receipt("9", 3))
    await harness.rest()
    assert harness.written == []
    harness.matcher.learn("9", of, 3)
    await harness.rest()
    assert [record.chunk for record in harness.written] == [of.slice.chunk]
    harness.kafka_has_all()
    assert harness.confirmed == ["a"]


async def test_a_receipt_nobody_knows_goes_on_with_every_form_of_its_id() -> None:
    before, receipts_module.EARLY_SECONDS = receipts_module.EARLY_SECONDS, 0.0
    try:
        harness = MatcherHarness()
        harness.take("a", receipt("255", 3), receipt("300", 1, destination=""))
        await written(harness)
    finally:
        receipts_module.EARLY_SECONDS = before
    [record] = harness.written
    assert record.chunk is None and record.ids.split("\n")[0] == "255,ff,597"
    assert record.to_hashes == messages().hash(3) + bytes(8)
    harness.kafka_has_all()
    assert harness.confirmed == ["a"]


async def test_a_receipt_that_no_submit_in_flight_can_have_brought_goes_on_at_once() -> None:
    harness = MatcherHarness()
    harness.matcher.in_flight = lambda destination: destination == 491510000000
    harness.take("a", receipt("255", 3), receipt("300", 0), receipt("7", 1))
    await harness.rest()
    assert [record.ids.split("\n")[0] for record in harness.written] == ["255,ff,597"]
    assert [record.count for record in harness.written] == [2]
    assert harness.matcher.open == 2, "one waits for its answer, one flush is open"


def test_known_ids_stay_until_so_many_newer_ones_have_come() -> None:
    known = CarrierIdCache[int](100)
    for number in range(1000):
        known.learn(str(number), number)
    assert next(number for number in range(1000) if known.get(str(number)) is not None) in range(900, 926)
    assert known.get("999") == 999
    known.forget("999")
    assert known.get("999") is None
    known.learn("950", 1)
    assert known.get("950") == 1, "an id used again stands for the newer message"


async def test_states_that_change_nothing_are_confirmed_at_once() -> None:
    harness = MatcherHarness()
    harness.take("a", receipt("1", 0, "ENROUTE"), receipt("2", 0, "ACCEPTD"))
    await harness.rest()
    assert harness.confirmed == ["a"] and harness.written == []


async def test_ids_of_several_segments_stay_known_others_are_forgotten() -> None:
    harness, single, several = MatcherHarness(), messages(), messages(segments=2)
    harness.matcher.learn("1", single, 0)
    harness.matcher.learn("2", several, 0)
    harness.take("a", receipt("1", 0), receipt("2", 0))
    harness.take("b", receipt("1", 0), receipt("2", 0))
    await harness.rest()
    assert sum(record.count for record in harness.written) == 3


async def test_the_cache_is_bounded_the_oldest_goes_first() -> None:
    harness, of = MatcherHarness(cached=2), messages()
    for rank in range(3):
        harness.matcher.learn(f"{rank}1", of, rank)
    harness.take("a", receipt("01", 0), receipt("11", 1), receipt("21", 2))
    await harness.rest()
    assert [record.count for record in harness.written] == [2]
