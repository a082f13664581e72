"""`verify` finds each kind of broken promise, and finds nothing where all is well.

In: a Kafka, a database and running sinks of this folder's own; stories told as the roles would write them, some of them
false. Out: reports. Every test has a tenant and a campaign of its own, so that they do not mind each other.
"""

from __future__ import annotations

import secrets
from array import array

import pytest
from pydantic import SecretStr

from infra.settings.model import KafkaSettings, PostgresSettings, Settings
from infra.verify.report import VerifyReport, render_table
from infra.verify.verify import verify
from schemas.records import topics
from schemas.records.codec import decode_as, encode
from schemas.records.wire import CarrierReceipts, DeliveryReceipt
from schemas.values.lanes import Lane
from streams.memory_runner import MemoryRunner
from tests.support.log_records import NOW, change, settled, started, usage
from tests.support.streams.fakes import FakePorts
from tests.support.verify_scenario import HALF, REST, VerifyEnv, VerifyScenario, found

pytestmark = pytest.mark.stack

CARRIER = (
    "INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds, partition) "
    "VALUES (%s, %s, 'smpp', %s, 1, 2, 1, 0)"
)


def test_a_clean_run_adds_up(clean_report: VerifyReport) -> None:
    report = clean_report
    assert report.ok, render_table(report)
    assert report.accepted == 30 and not report.behind
    assert (report.states["sent"], report.states["delivered"], report.states["held"]) == (9, 1, 10)
    assert report.to_json()["ok"] is True and "adds up" in render_table(report)


def test_sent_without_a_receipt_for_too_long_is_sent_and_no_violation(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().sent()
    scenario.event(change("sent", HALF, reason="no_receipt", carrier="acme"), at=NOW + 300_000)
    report = env.check(campaign=scenario.campaign)
    assert report.ok, render_table(report)
    assert (report.accepted, report.states["sent"], report.in_flight) == (10, 10, 0)


def test_lost_accepted_and_never_heard_of_again(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().event(change("sent", HALF))
    assert found(env.check(campaign=scenario.campaign), "LOST") == scenario.messages(REST)


def test_lost_a_part_that_is_not_whole(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env, recipients=20).accepted().sent()
    assert found(env.check(campaign=scenario.campaign), "LOST") == {f"{scenario.campaign} part 0: 10 of 20"}


def test_lost_an_answer_that_never_became_a_state(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().event(change("uncertain"))
    scenario.calls(started(**scenario.of), settled({"sent": HALF, "uncertain": REST}, **scenario.of))
    assert found(env.check(campaign=scenario.campaign), "LOST") == scenario.messages(HALF)


def test_dup_effect_taken_twice(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().sent().event(change("sent", send=2))
    scenario.calls(started(HALF, send=2, **scenario.of), settled({"sent": HALF}, send=2, **scenario.of))
    assert found(env.check(campaign=scenario.campaign), "DUP_EFFECT") == scenario.messages(HALF)


def test_dup_effect_marketing_started_again_while_uncertain_and_otp_not_unless_concluded(env: VerifyEnv) -> None:
    marketing, otp, concluded = (VerifyScenario(env).accepted() for _ in range(3))
    for scenario, lane, doubt in (
        (marketing, Lane.MARKETING, "uncertain"),
        (otp, Lane.OTP, "unanswered"),
        (concluded, Lane.OTP, "uncertain"),
    ):
        of = {**scenario.of, "lane": str(lane)}
        env.put(
            topics.attempts(lane),
            started(HALF, **of),
            settled({doubt: HALF}, **of),
            started(HALF, **of),
            settled({"sent": HALF}, **of),
        )
        scenario.event(change("sent"))
    assert found(env.check(campaign=concluded.campaign), "DUP_EFFECT") == concluded.messages(HALF)
    assert found(env.check(campaign=marketing.campaign), "DUP_EFFECT") == marketing.messages(HALF)
    assert found(env.check(campaign=otp.campaign), "DUP_EFFECT") == set()


def test_dup_bill_charged_in_two_rounds(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().sent()
    env.put("usage", usage(charged=HALF, round=1, **scenario.of))
    report = env.check(campaign=scenario.campaign)
    assert found(report, "DUP_BILL") == scenario.messages(HALF)


def test_phantom_a_state_a_call_and_a_receipt_without_a_message(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).event(change("sent"))
    stranger = f"chk_{secrets.token_hex(8)}"
    scenario.calls(started(**{**scenario.of, "chunk": stranger}))
    assert {scenario.chunk, stranger} <= found(env.check(), "PHANTOM")


def test_stuck_neither_final_nor_waiting(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().event(change("sent", HALF), change("queued", REST))
    report = env.check(campaign=scenario.campaign)
    assert found(report, "STUCK") == scenario.messages(REST)
    assert report.in_flight == 5


def test_regress_a_lower_state_than_announced(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().sent()
    assert env.check(campaign=scenario.campaign).ok
    env.execute("UPDATE chunks SET sequences[1] = 23 WHERE chunk = %s", scenario.chunk)
    assert found(env.check(campaign=scenario.campaign), "REGRESS") == scenario.messages(1)


def test_leak_reserved_without_a_reservation_and_charged_without_a_call(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().event(change("rejected", reason="no_route"))
    env.put("usage", usage(charged=HALF, **scenario.of))
    env.execute("UPDATE balances SET reserved = reserved + 5 WHERE tenant = %s", scenario.tenant)
    leaks = found(env.check(), "LEAK")
    assert scenario.messages(HALF) <= leaks
    assert any(scenario.tenant in leak for leak in leaks)


def test_leak_answered_and_still_reserved(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().event(change("sent"))
    scenario.calls(started(**scenario.of), settled({"sent": 0b1111111111}, **scenario.of))
    assert found(env.check(campaign=scenario.campaign), "LEAK") == scenario.messages(0b1111111111)


def test_overrate_more_segments_than_rate_lease_and_window_allow(env: VerifyEnv) -> None:
    for number, rate in ((7, 1), (8, 1000)):
        env.execute(CARRIER, f"rate-{rate}", number, rate)
        scenario = VerifyScenario(env).accepted().sent()
        scenario.calls(
            settled({"sent": 0b1111111111}, send=2, carrier=f"rate-{rate}", **{**scenario.of, "segments": bytes([4]) * 10})
        )
    over = found(env.check(), "OVERRATE")
    assert any(id_.startswith("rate-1 ") for id_ in over) and not any(id_.startswith("rate-1000") for id_ in over)


def test_consumers_behind_are_named_and_nothing_is_called_lost(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted()
    report = verify(
        Settings(kafka=KafkaSettings(bootstrap=env.kafka), postgres=PostgresSettings(url=SecretStr(env.postgres))),
        campaign=scenario.campaign,
        wait=0.2,
    )
    assert any("sluice-streams-bulk on ingest-marketing" in place for place in report.behind)
    assert report.ok


async def test_whatever_a_carrier_writes_the_state_says_what_was_announced(env: VerifyEnv) -> None:
    """Receipts with texts that no table takes, by way of match and sinks, in front of the real ledger."""
    scenario = VerifyScenario(env).accepted().sent()
    odd = ["021\0", "\u202eילשמ", '\\u0000"', "x" * 10_000, "\x1b[2J", "000", "\x9f", "é" * 70, "", "9"]
    receipts = CarrierReceipts(
        carrier="acme",
        at=NOW,
        count=10,
        ids="\n".join(f"{text}{n}" for n, text in enumerate(odd)),
        states="\n".join(["UNDELIV", "DELIVRD"] * 5),
        codes="\n".join(odd),
        done_at=array("q", [0, -1, 2**62, NOW, -(2**63), NOW, 1, 2**63 - 1, NOW, NOW]).tobytes(),
        to_hashes=bytes(80),
        part=0,
        size=10,
        lane="marketing",
        send=1,
        attempts=0,
        price=700,
        places=array("H", range(10)).tobytes(),
        indexes=array("I", range(10)).tobytes(),
        segments=bytes([1]) * 10,
        **scenario.of,
    )
    memory = MemoryRunner(lambda: FakePorts().receipts(), topic="carrier-receipts", clock=lambda: NOW)
    memory.send(encode(receipts))
    await memory.drain()
    assert memory.topics.on("dead-letter") == []
    env.put_raw(memory.topics.written)
    report = env.check(campaign=scenario.campaign)
    assert report.ok, render_table(report)
    assert (report.states["delivered"], report.states["undelivered"]) == (5, 5)
    told = [decode_as(o.value, DeliveryReceipt) for o in memory.topics.on("delivery-receipts")]
    stored = env.ask("SELECT codes FROM chunks WHERE chunk = %s", scenario.chunk)[0][0]
    assert {
        r.message_id.rpartition("_")[2]: r.carrier_code for r in told if r.status == "undelivered" and r.carrier_code
    } == stored
