"""`verify` finds what one record says and another does not: public events, prices, counts, reservations."""

from __future__ import annotations

import pytest

from infra.verify.verify import render_table
from schemas.values.status import Status, sequence
from tests.support.log_records import change, settled, started, usage
from tests.support.verify_scenario import HALF, REST, VerifyEnv, VerifyScenario, found

pytestmark = pytest.mark.stack

EVERYONE = 0b1111111111
DELIVERED = sequence(1, Status.DELIVERED)


def test_lost_an_end_of_which_no_subscriber_heard(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().sent().event(change("delivered", HALF)).told("delivered", DELIVERED, 0, 1, 2)
    scenario.told("delivered", DELIVERED + 1, 3)
    assert found(env.check(campaign=scenario.campaign), "LOST") == scenario.messages(0b11000)
    assert env.check(campaign=scenario.told("delivered", DELIVERED, 3, 4).campaign).ok


def test_lost_counts_that_are_not_those_of_the_messages(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().sent()
    assert env.check(campaign=scenario.campaign).ok
    env.execute("UPDATE campaign_counts SET counts[10] = counts[10] + 2 WHERE campaign = %s", scenario.campaign)
    assert found(env.check(campaign=scenario.campaign), "LOST") == {f"{scenario.campaign} (sent 12 instead of 10)"}


def test_phantom_a_public_event_of_an_index_that_the_part_does_not_have(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().sent().told("delivered", DELIVERED, 2, 11, 70_000)
    root = f"msg_{scenario.campaign[4:]}_0_"
    strange = {id_ for id_ in found(env.check(), "PHANTOM") if id_.startswith(root)}
    assert strange == {f"{root}11", f"{root}70000"}


def test_phantom_delivered_without_a_call(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().sent()
    other = VerifyScenario(env).accepted().event(change("sent", HALF))
    other.calls(started(0b11, **other.of), settled({"sent": 0b11}, **other.of))
    assert found(env.check(campaign=scenario.campaign), "PHANTOM") == set()
    assert found(env.check(campaign=other.campaign), "PHANTOM") == other.messages(0b11100)


def test_leak_taken_and_never_charged(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().event(change("queued"), change("sending"), change("sent"))
    scenario.calls(started(**scenario.of), settled({"sent": EVERYONE}, **scenario.of))
    env.put("usage", usage(charged=HALF, **scenario.of))
    env.check(campaign=scenario.campaign)
    env.execute("UPDATE chunks SET price = 700 WHERE chunk = %s", scenario.chunk)
    env.execute("UPDATE reservations SET positions = charged, amount = 0 WHERE chunk = %s", scenario.chunk)
    report = env.check(campaign=scenario.campaign)
    assert found(report, "LEAK") == scenario.messages(REST), render_table(report)
    assert "never charged" in render_table(report)


def test_leak_ended_and_still_reserved(env: VerifyEnv) -> None:
    scenario = (
        VerifyScenario(env)
        .accepted()
        .event(change("canceled", HALF, reason="canceled"), change("held", REST, reason="room"))
    )
    scenario.told("canceled", sequence(1, Status.CANCELED), *range(5))
    report = env.check(campaign=scenario.campaign)
    assert found(report, "LEAK") == scenario.messages(HALF), render_table(report)


def test_leak_a_price_that_was_not_charged(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().sent()
    assert env.check(campaign=scenario.campaign).ok
    env.execute("UPDATE campaign_spend SET charged = charged + 100 WHERE campaign = %s", scenario.campaign)
    assert f"{scenario.campaign} (7100 instead of 7000)" in found(env.check(), "LEAK")


def test_one_message_behind_several_announced_states_is_named_once(env: VerifyEnv) -> None:
    scenario = VerifyScenario(env).accepted().sent()
    env.check(campaign=scenario.campaign)
    env.execute("UPDATE chunks SET sequences[1] = 18 WHERE chunk = %s", scenario.chunk)
    sentences = [v.message for v in env.check(campaign=scenario.campaign).violations if v.kind == "REGRESS"]
    assert sentences == ["1 x in an earlier state than one that was announced"]
