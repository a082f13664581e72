"""`verify` finds what one book says and another does not: public events, prices, counts, reservations."""

from __future__ import annotations

import pytest

from infra.verify.verify import render_table
from schemas.values.status import Status, sequence
from tests.support.log_records import change, settled, started, usage
from tests.support.verify_scenario import HALF, REST, Story, World, found

pytestmark = pytest.mark.stack

EVERYONE = 0b1111111111
DELIVERED = sequence(1, Status.DELIVERED)


def test_lost_an_end_of_which_no_subscriber_heard(world: World) -> None:
    story = Story(world).accepted().sent().event(change("delivered", HALF)).told("delivered", DELIVERED, 0, 1, 2)
    story.told("delivered", DELIVERED + 1, 3)
    assert found(world.check(campaign=story.campaign), "LOST") == story.messages(0b11000)
    assert world.check(campaign=story.told("delivered", DELIVERED, 3, 4).campaign).ok


def test_lost_counts_that_are_not_those_of_the_messages(world: World) -> None:
    story = Story(world).accepted().sent()
    assert world.check(campaign=story.campaign).ok
    world.execute("UPDATE campaign_counts SET counts[10] = counts[10] + 2 WHERE campaign = %s", story.campaign)
    assert found(world.check(campaign=story.campaign), "LOST") == {f"{story.campaign} (sent 12 instead of 10)"}


def test_phantom_a_public_event_of_an_index_that_the_part_does_not_have(world: World) -> None:
    story = Story(world).accepted().sent().told("delivered", DELIVERED, 2, 11, 70_000)
    root = f"msg_{story.campaign[4:]}_0_"
    strange = {id_ for id_ in found(world.check(), "PHANTOM") if id_.startswith(root)}
    assert strange == {f"{root}11", f"{root}70000"}


def test_phantom_delivered_without_a_call(world: World) -> None:
    story = Story(world).accepted().sent()
    other = Story(world).accepted().event(change("sent", HALF))
    other.calls(started(0b11, **other.of), settled({"sent": 0b11}, **other.of))
    assert found(world.check(campaign=story.campaign), "PHANTOM") == set()
    assert found(world.check(campaign=other.campaign), "PHANTOM") == other.messages(0b11100)


def test_leak_taken_and_never_charged(world: World) -> None:
    story = Story(world).accepted().event(change("queued"), change("sending"), change("sent"))
    story.calls(started(**story.of), settled({"sent": EVERYONE}, **story.of))
    world.put("usage", usage(charged=HALF, **story.of))
    world.check(campaign=story.campaign)
    world.execute("UPDATE chunks SET price = 700 WHERE chunk = %s", story.chunk)
    world.execute("UPDATE reservations SET positions = charged, amount = 0 WHERE chunk = %s", story.chunk)
    report = world.check(campaign=story.campaign)
    assert found(report, "LEAK") == story.messages(REST), render_table(report)
    assert "never charged" in render_table(report)


def test_leak_ended_and_still_reserved(world: World) -> None:
    story = Story(world).accepted().event(change("canceled", HALF, reason="canceled"), change("held", REST, reason="room"))
    story.told("canceled", sequence(1, Status.CANCELED), *range(5))
    report = world.check(campaign=story.campaign)
    assert found(report, "LEAK") == story.messages(HALF), render_table(report)


def test_leak_a_price_that_was_not_charged(world: World) -> None:
    story = Story(world).accepted().sent()
    assert world.check(campaign=story.campaign).ok
    world.execute("UPDATE campaign_spend SET charged = charged + 100 WHERE campaign = %s", story.campaign)
    assert f"{story.campaign} (7100 instead of 7000)" in found(world.check(), "LEAK")


def test_one_message_behind_several_announced_states_is_named_once(world: World) -> None:
    story = Story(world).accepted().sent()
    world.check(campaign=story.campaign)
    world.execute("UPDATE chunks SET sequences[1] = 18 WHERE chunk = %s", story.chunk)
    sentences = [v.message for v in world.check(campaign=story.campaign).violations if v.kind == "REGRESS"]
    assert sentences == ["1 x in an earlier state than one that was announced"]
