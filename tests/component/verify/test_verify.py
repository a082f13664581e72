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
from infra.verify.verify import render_table, verify
from schemas.records import topics
from schemas.records.codec import decode_as, encode
from schemas.records.wire import CarrierReceipts, DeliveryReceipt
from schemas.values.lanes import Lane
from streams.memory_runner import MemoryRunner
from streams.receipts.handler import Match
from tests.support.log_records import NOW, change, held, settled, started, usage
from tests.support.streams.fakes import World as Stages
from tests.support.verify_scenario import HALF, REST, Story, World, found

pytestmark = pytest.mark.stack

CARRIER = "INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds, partition) " \
          "VALUES (%s, %s, 'smpp', %s, 1, 2, 1, 0)"


def test_a_clean_run_adds_up(world: World) -> None:
    story = Story(world).accepted().sent()
    story.event(change("delivered", 1)).told("delivered", 2**20 + 12, 0)
    waiting = Story(world).accepted().event(change("held", reason="room"))
    world.put("held", held(of=waiting.of))
    unsure = Story(world).accepted().event(change("uncertain"))
    unsure.calls(started(**unsure.of), settled({"uncertain": 0b1111111111}, **unsure.of))
    report = world.check()
    assert report.ok, render_table(report)
    assert report.accepted == 30 and not report.behind
    assert (report.states["sent"], report.states["delivered"], report.states["held"]) == (9, 1, 10)
    assert report.to_json()["ok"] is True and "adds up" in render_table(report)


def test_sent_without_a_receipt_for_too_long_is_sent_and_no_violation(world: World) -> None:
    story = Story(world).accepted().sent()
    story.event(change("sent", HALF, reason="no_receipt", carrier="acme"), at=NOW + 300_000)
    report = world.check(campaign=story.campaign)
    assert report.ok, render_table(report)
    assert (report.accepted, report.states["sent"], report.in_flight) == (10, 10, 0)


def test_lost_accepted_and_never_heard_of_again(world: World) -> None:
    story = Story(world).accepted().event(change("sent", HALF))
    assert found(world.check(campaign=story.campaign), "LOST") == story.messages(REST)


def test_lost_a_part_that_is_not_whole(world: World) -> None:
    story = Story(world, recipients=20).accepted().sent()
    assert found(world.check(campaign=story.campaign), "LOST") == {f"{story.campaign} part 0: 10 of 20"}


def test_lost_an_answer_that_never_became_a_state(world: World) -> None:
    story = Story(world).accepted().event(change("uncertain"))
    story.calls(started(**story.of), settled({"sent": HALF, "uncertain": REST}, **story.of))
    assert found(world.check(campaign=story.campaign), "LOST") == story.messages(HALF)


def test_dup_effect_taken_twice(world: World) -> None:
    story = Story(world).accepted().sent().event(change("sent", send=2))
    story.calls(started(HALF, send=2, **story.of), settled({"sent": HALF}, send=2, **story.of))
    assert found(world.check(campaign=story.campaign), "DUP_EFFECT") == story.messages(HALF)


def test_dup_effect_marketing_started_again_while_uncertain_and_otp_not_unless_concluded(world: World) -> None:
    marketing, otp, concluded = (Story(world).accepted() for _ in range(3))
    for story, lane, doubt in ((marketing, Lane.MARKETING, "uncertain"), (otp, Lane.OTP, "unanswered"),
                               (concluded, Lane.OTP, "uncertain")):
        of = {**story.of, "lane": str(lane)}
        world.put(topics.attempts(lane), started(HALF, **of), settled({doubt: HALF}, **of), started(HALF, **of),
                  settled({"sent": HALF}, **of))
        story.event(change("sent"))
    assert found(world.check(campaign=concluded.campaign), "DUP_EFFECT") == concluded.messages(HALF)
    assert found(world.check(campaign=marketing.campaign), "DUP_EFFECT") == marketing.messages(HALF)
    assert found(world.check(campaign=otp.campaign), "DUP_EFFECT") == set()


def test_dup_bill_charged_in_two_rounds(world: World) -> None:
    story = Story(world).accepted().sent()
    world.put("usage", usage(charged=HALF, round=1, **story.of))
    report = world.check(campaign=story.campaign)
    assert found(report, "DUP_BILL") == story.messages(HALF)


def test_phantom_a_state_a_call_and_a_receipt_without_a_message(world: World) -> None:
    story = Story(world).event(change("sent"))
    stranger = f"chk_{secrets.token_hex(8)}"
    story.calls(started(**{**story.of, "chunk": stranger}))
    assert {story.chunk, stranger} <= found(world.check(), "PHANTOM")


def test_stuck_neither_final_nor_waiting(world: World) -> None:
    story = Story(world).accepted().event(change("sent", HALF), change("queued", REST))
    report = world.check(campaign=story.campaign)
    assert found(report, "STUCK") == story.messages(REST)
    assert report.in_flight == 5


def test_regress_a_lower_state_than_announced(world: World) -> None:
    story = Story(world).accepted().sent()
    assert world.check(campaign=story.campaign).ok
    world.execute("UPDATE chunks SET sequences[1] = 23 WHERE chunk = %s", story.chunk)
    assert found(world.check(campaign=story.campaign), "REGRESS") == story.messages(1)


def test_leak_reserved_without_a_reservation_and_charged_without_a_call(world: World) -> None:
    story = Story(world).accepted().event(change("rejected", reason="no_route"))
    world.put("usage", usage(charged=HALF, **story.of))
    world.execute("UPDATE balances SET reserved = reserved + 5 WHERE tenant = %s", story.tenant)
    leaks = found(world.check(), "LEAK")
    assert story.messages(HALF) <= leaks
    assert any(story.tenant in leak for leak in leaks)


def test_leak_answered_and_still_reserved(world: World) -> None:
    story = Story(world).accepted().event(change("sent"))
    story.calls(started(**story.of), settled({"sent": 0b1111111111}, **story.of))
    assert found(world.check(campaign=story.campaign), "LEAK") == story.messages(0b1111111111)


def test_overrate_more_segments_than_rate_lease_and_window_allow(world: World) -> None:
    for number, rate in ((7, 1), (8, 1000)):
        world.execute(CARRIER, f"rate-{rate}", number, rate)
        story = Story(world).accepted().sent()
        story.calls(settled({"sent": 0b1111111111}, send=2, carrier=f"rate-{rate}",
                            **{**story.of, "segments": bytes([4]) * 10}))
    over = found(world.check(), "OVERRATE")
    assert any(id_.startswith("rate-1 ") for id_ in over) and not any(id_.startswith("rate-1000") for id_ in over)


def test_consumers_behind_are_named_and_nothing_is_called_lost(world: World) -> None:
    story = Story(world).accepted()
    report = verify(Settings(kafka=KafkaSettings(bootstrap=world.kafka),
                             postgres=PostgresSettings(url=SecretStr(world.postgres))),
                    campaign=story.campaign, wait=0.2)
    assert any("sluice-streams-bulk on ingest-marketing" in place for place in report.behind)
    assert report.ok


async def test_whatever_a_carrier_writes_the_state_says_what_was_announced(world: World) -> None:
    """Receipts with texts that no table takes, by way of match and sinks, in front of the real ledger."""
    story = Story(world).accepted().sent()
    odd = ["021\0", "\u202eילשמ", '\\u0000"', "x" * 10_000, "\x1b[2J", "000", "\x9f", "é" * 70, "", "9"]
    receipts = CarrierReceipts(
        carrier="acme", at=NOW, count=10, ids="\n".join(f"{text}{n}" for n, text in enumerate(odd)),
        states="\n".join(["UNDELIV", "DELIVRD"] * 5), codes="\n".join(odd),
        done_at=array("q", [0, -1, 2**62, NOW, -2**63, NOW, 1, 2**63 - 1, NOW, NOW]).tobytes(), to_hashes=bytes(80), part=0,
        size=10, lane="marketing", send=1, attempts=0, price=700, places=array("H", range(10)).tobytes(),
        indexes=array("I", range(10)).tobytes(), segments=bytes([1]) * 10, **story.of)
    memory = MemoryRunner(lambda: Match(Stages().match()), topic="carrier-receipts", clock=lambda: NOW)
    memory.send(encode(receipts))
    await memory.drain()
    assert memory.topics.on("dead-letter") == []
    world.put_raw(memory.topics.written)
    report = world.check(campaign=story.campaign)
    assert report.ok, render_table(report)
    assert (report.states["delivered"], report.states["undelivered"]) == (5, 5)
    told = [decode_as(o.value, DeliveryReceipt) for o in memory.topics.on("delivery-receipts")]
    stored = world.ask("SELECT codes FROM chunks WHERE chunk = %s", story.chunk)[0][0]
    assert {r.message_id.rpartition("_")[2]: r.carrier_code for r in told if r.status == "undelivered" and r.carrier_code
            } == stored
