"""A carrier that takes a message whole: one submit whatever its length, paid by segments, one answer for all of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.carriers.contract import Accepted, NotSent, Refused, Result, Submit, Throttled, Unknown
from connectors.dispatch.whole_messages import WholeMessages
from infra.settings.carriers import SmppSettings, reports_once
from schemas.records.wire import Settled, Started
from schemas.values.lanes import Lane
from tests.support.dispatch.harness import SenderHarness
from tests.support.waiting import until

OTHER = "chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_1"
SEGMENT = "x" * 150


def answered(one: Submit) -> Result:
    """As a carrier of whole messages does: one id."""
    return Accepted(ref=one.ref, ids=(f"id{one.destination[-1]}",))


def harness_of(lane: Lane = Lane.MARKETING, *, rate: float = 1_000_000) -> SenderHarness:
    harness = SenderHarness(lane, rate=rate, whole=True)
    harness.carrier.answer = answered
    return harness


@given(costs=st.lists(st.integers(1, 12), max_size=30), grants=st.lists(st.integers(1, 5), min_size=400, max_size=400))
def test_all_go_in_order_and_none_before_its_tokens(costs: list[int], grants: list[int]) -> None:
    whole, gone, granted = WholeMessages(), 0, 0
    for tokens in grants:
        left = tokens
        while left and gone < len(costs):
            count, taken = whole.pay(costs[gone : gone + left], left)
            assert 0 <= taken <= left
            left -= taken
            granted += taken
            gone += count
            assert sum(costs[:gone]) <= granted
            if not count:
                assert left == 0, "what does not pay for the next one is put by"
    assert gone == len(costs)
    assert granted == sum(costs), "nothing was taken that no message needed"


def test_what_was_put_by_for_nobody_is_no_burst_later() -> None:
    whole = WholeMessages()
    assert whole.pay([5], 4) == (0, 4)
    whole.forget()
    assert whole.pay([1, 1, 1], 1) == (1, 1)


async def test_a_long_message_is_one_submit_with_one_id() -> None:
    harness = harness_of()
    harness.add(2, body=SEGMENT * 3, segments=b"\x03\x01")
    await until(lambda: len(harness.settled()) == 2)
    assert [(one.parts, one.first_part, one.part_count) for one in harness.carrier.sent] == [(3, 0, 0), (1, 0, 0)]
    assert harness.carrier.sent[0].text == SEGMENT * 3
    assert {outcome for outcome, _ in harness.settled().values()} == {"sent"}
    [record] = harness.log.of(Settled)
    assert (record.ids, record.segments) == ("id0\nid1", b"\x03\x01"), "the price stays by segments"


async def test_it_goes_when_the_tokens_of_all_its_segments_are_in_hand() -> None:
    harness = harness_of(rate=20)  # one token a lease
    granted: list[int] = []

    def answer(one: Submit) -> Result:
        granted.append(harness.tokens.granted)
        return answered(one)

    harness.carrier.answer = answer
    harness.add(1, body=SEGMENT * 3, segments=b"\x03")
    harness.add(1, chunk=OTHER, body=SEGMENT * 2, segments=b"\x02")
    await until(lambda: len(granted) == 2)
    assert granted[0] >= 3 and granted[1] >= 5


async def test_a_throttled_one_is_taken_back_and_goes_whole_again() -> None:
    harness = harness_of()
    harness.carrier.answer = lambda one: (
        Throttled(ref=one.ref, code="429") if len(harness.carrier.sent) == 1 else answered(one)
    )
    harness.add(1, body=SEGMENT * 3, segments=b"\x03")
    await until(lambda: harness.settled().get(0) == ("sent", "none"))
    assert [(one.first_part, one.part_count) for one in harness.carrier.sent] == [(0, 0), (0, 0)]
    assert [record.verdicts[0].outcome for record in harness.log.of(Settled)] == ["not_submitted", "sent"]
    assert len(harness.log.of(Started)) == 2


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Refused(ref=0, code="400", klass="permanent"), ("failed", "carrier_permanent")),
        (Refused(ref=0, code="503", klass="transient"), ("transient", "carrier_transient")),
        (Unknown(ref=0), ("uncertain", "answer_timeout")),
        (Unknown(ref=0, lost=True), ("uncertain", "connection_lost")),
    ],
)
async def test_what_it_says_is_said_of_the_whole_message(result: Result, expected: tuple[str, str]) -> None:
    harness = harness_of()
    fields = {name: getattr(result, name) for name in result.__struct_fields__}
    harness.carrier.answer = lambda one: type(result)(**fields | {"ref": one.ref})
    harness.add(1, body=SEGMENT * 3, segments=b"\x03")
    await until(lambda: harness.settled())
    assert harness.settled() == {0: expected} and len(harness.carrier.sent) == 1


async def test_an_otp_without_an_answer_goes_whole_once_more_and_no_further() -> None:
    harness = harness_of(Lane.OTP)
    harness.carrier.answer = lambda one: Unknown(ref=one.ref)
    harness.add(1, body=SEGMENT * 3, segments=b"\x03")
    await until(lambda: harness.settled().get(0) == ("uncertain", "answer_timeout"))
    assert [(one.parts, one.first_part, one.part_count) for one in harness.carrier.sent] == [(3, 0, 0)] * 2


async def test_a_message_begun_by_segments_is_not_finished_by_a_carrier_of_whole_ones() -> None:
    harness = SenderHarness()
    harness.carrier.answer = lambda one: Accepted(ref=one.ref, ids=("a",)) if one.first_part == 0 else NotSent(ref=one.ref)
    harness.add(1, body=SEGMENT * 3, segments=b"\x03")
    await until(lambda: len(harness.carrier.sent) > 1)
    harness.sender.use_connection(harness.sender.carrier, 100, whole=True)
    await until(lambda: harness.settled())
    assert harness.settled() == {0: ("partial", "partial")}
    assert harness.log.of(Settled)[0].ids == "a"


def test_a_kind_that_sends_whole_reports_once_whatever_the_row_says(monkeypatch: pytest.MonkeyPatch) -> None:
    class Whole(SmppSettings):
        sends_whole = True

    monkeypatch.setattr("infra.settings.carriers.KIND_SETTINGS", {"smpp": SmppSettings, "whole": Whole})
    assert reports_once("whole", False, {}) and reports_once("smpp", True, {})
    assert not reports_once("smpp", False, {}) and not reports_once("unknown", False, {})
    assert reports_once("smpp", False, {"long_messages": "payload"})
