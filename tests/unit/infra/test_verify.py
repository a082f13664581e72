"""The parts of `verify` that need no services: how far back logs go, public events, the pace of carriers."""

from __future__ import annotations

from array import array

import msgspec
import pytest

from infra.kafka.records import ConsumerRecord
from infra.kafka.topic_admin import GROUPS
from infra.verify.accepted import AcceptedChunk, Ledger
from infra.verify.calls import CallLog
from infra.verify.horizon import NEVER, Horizon
from infra.verify.judge_money import MoneyJudge, ReservationRow
from infra.verify.judge_rate import CarrierSlack, RateRow, judge_rates
from infra.verify.public import PublicEvents
from infra.verify.readers import AWAITED
from infra.verify.report import Findings, VerifyReport, render_table
from schemas.records.topics import retry
from schemas.records.wire import DeliveryReceipt
from schemas.values.lanes import Lane
from schemas.values.rungs import Rung

ROOT = "01HZZZZZZZZZZZZZZZZZZZZZZZ"
EVENT = DeliveryReceipt(
    message_id=f"msg_{ROOT}_0_5",
    campaign_id=f"cmp_{ROOT}",
    tenant_id="t",
    client_ref=None,
    to_hash="x",
    channel="sms",
    carrier="acme",
    status="delivered",
    reason=None,
    carrier_code=None,
    carrier_message_id="1",
    segments=1,
    price="0.0700",
    attempt=1,
    occurred_at=1,
    carrier_at=None,
    carrier_time=None,
    recorded_at=1,
    sequence=40,
)


def an_entry(offset: int, timestamp: int = 7, partition: int = 0) -> ConsumerRecord:
    return ConsumerRecord("attempts-otp", partition, offset, timestamp, None, b"", ())


def a_chunk(*indexes: int) -> AcceptedChunk:
    return AcceptedChunk("t", "chk", f"cmp_{ROOT}", 0, len(indexes), "otp", 0, array("I", indexes).tobytes())


def test_a_log_read_from_its_first_record_on_is_whole() -> None:
    horizon = Horizon()
    horizon.read(an_entry(0))
    horizon.read(an_entry(5, 9))
    horizon.end({("attempts-otp", 0): 6, ("attempts-otp", 1): 0})
    assert horizon.whole_since == 0


def test_a_log_whose_beginning_is_gone_is_whole_since_its_first_record() -> None:
    horizon = Horizon()
    for entry in (an_entry(0, partition=1), an_entry(4, 70), an_entry(5, 90)):
        horizon.read(entry)
    assert horizon.whole_since == 70
    horizon.end({("attempts-otp", 2): 3})
    assert horizon.whole_since == NEVER


def test_money_of_calls_that_the_log_has_dropped_is_not_judged() -> None:
    calls, ledger = CallLog(), Ledger(())
    row = ReservationRow("t", "chk", 0, 0, 700, 1, b"\1", 0, 1, 0, 700, 50)
    for first, expected in ((0, ["chk"]), (4, [])):
        calls.horizon = Horizon()
        calls.horizon.read(an_entry(first, 70))
        findings = Findings()
        MoneyJudge(ledger, calls, findings, {}, settled=True).judge(row)
        assert [id_ for v in findings.violations() for id_ in v.ids] == expected


def test_public_events_by_message_and_state() -> None:
    events, chunk = PublicEvents(), a_chunk(4, 5, 9000)
    for index in (5, 9000, 9001):
        events.note(msgspec.structs.replace(EVENT, message_id=f"msg_{ROOT}_0_{index}"))
    assert events.unheard(chunk, 40, 0b111) == 0b001
    assert events.unheard(chunk, 41, 0b110) == 0b110
    assert list(events.strangers([chunk])) == [f"msg_{ROOT}_0_9001"]


def test_public_events_of_single_messages_and_of_no_message_at_all() -> None:
    events = PublicEvents()
    single = AcceptedChunk("t", f"msg_{ROOT}", None, 0, 1, "otp", 0, bytes(4))
    for id_ in (f"msg_{ROOT}", f"msg_{ROOT}", "nonsense"):
        events.note(msgspec.structs.replace(EVENT, message_id=id_))
    assert (events.unheard(single, 40, 1), events.unheard(single, 41, 1)) == (0, 1)
    assert list(events.strangers([single])) == ["nonsense"]


@pytest.mark.parametrize(("pace", "windows"), [
    (dict.fromkeys(range(100, 200), 10), []),
    (dict.fromkeys(range(100, 200), 12), ["10 segments a second over 60 s"]),
    ({100: 300}, ["10 segments a second over 10 s"]),
    ({100: 190}, []),  # ten seconds' rate and what two windows hold
])  # fmt: skip
def test_a_minute_shows_what_the_windows_of_ten_seconds_hide(pace: dict[int, int], windows: list[str]) -> None:
    findings = Findings()
    rates = [RateRow("acme", 10, 0.0)]
    judge_rates({"acme": pace}, {"acme": 1}, rates, {"acme": CarrierSlack(binds=2, window=50)}, findings)
    assert [v.message.partition("more than ")[2] for v in findings.violations()] == windows


def test_what_a_stopped_carrier_or_a_slow_one_answers_is_judged_by_its_own_rate() -> None:
    rates = [RateRow("acme", 5, 0.0), RateRow("acme", 0, 100.0), RateRow("acme", 0.2, 300.0)]
    slack = {"acme": CarrierSlack(binds=1, window=1)}
    for pace, over in (({50: 51}, False), ({250: 3}, True), ({250: 2}, False), ({400: 4, 409: 1}, True), ({400: 4}, False)):
        findings = Findings()
        judge_rates({"acme": pace}, {"acme": 1}, rates, slack, findings)
        assert bool(findings.violations()) == over, pace


def test_a_table_without_violations_says_whether_all_was_judged() -> None:
    for behind, expected in (((), "the ledger adds up"), (("sinks on held[0]",), "not everything could be judged")):
        report = VerifyReport(accepted=0, states={}, in_flight=0, violations=(), behind=behind)
        assert expected in render_table(report).splitlines()[-1]


def test_nobody_is_behind_with_what_waits_for_minutes() -> None:
    left_out = {name for names in GROUPS.values() for name in names} - {name for names in AWAITED.values() for name in names}
    assert left_out == {retry(lane, rung) for lane in Lane for rung in (Rung.ONE_MINUTE, Rung.TEN_MINUTES)}
