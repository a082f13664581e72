"""Room at a carrier whose senders and networks have rates of their own: what waits for one of them holds nobody up."""

from __future__ import annotations

from collections import Counter

import pytest

from infra.redis.client import RedisDown
from tests.support.waiting_behind import ROOM, SIZE, Behind

pytestmark = pytest.mark.stack
TEN_OF_A_CHUNK = "49170000001"
"""Of the numbers of each chunk the eleventh to the twentieth begin so."""


async def test_a_sender_without_room_of_its_own_holds_nobody_up(behind: Behind) -> None:
    """Two thousand messages of a sender that may send four a second stand in front of everybody."""
    tenant = behind.tenant(1)
    behind.limit(sender_rates={"SHOP": 4}, network_rates={"1": 1})
    behind.add(tenant, 50, sender="SHOP")
    behind.add(tenant, 3)
    await behind.serve(await behind.releaser(), rooms=3)
    sent = Counter(behind.senders[chunk] for chunk, _ in behind.sent())
    assert sent["SHOP"] == 2, "half a second of its rate"
    assert sent["ACME"] >= 3 * ROOM - 2 - SIZE // 2
    assert len(set(behind.sent())) == sent.total(), "each once"


async def test_a_network_without_room_leaves_the_others_of_its_chunk(behind: Behind) -> None:
    tenant = behind.tenant(1)
    behind.limit(network_rates={TEN_OF_A_CHUNK: 2})
    behind.add(tenant, 2)
    await behind.serve(await behind.releaser(), rooms=4)
    assert len(behind.sent()) == 2 * (SIZE - 10) + 1, "ten of each chunk lie there, and one has room"


async def test_a_sender_that_is_stopped_waits_and_the_carrier_serves_the_others(behind: Behind) -> None:
    tenant = behind.tenant(1)
    behind.limit(sender_rates={"SHOP": 0})
    behind.add(tenant, 2, sender="SHOP")
    behind.add(tenant, 2)
    assert await behind.serve(await behind.releaser(), rooms=3) == {tenant: 2 * SIZE}
    behind.limit(sender_rates={})
    releaser = await behind.releaser()
    behind.let_time_pass()
    assert await behind.serve(releaser, rooms=3) == {tenant: 2 * SIZE}


async def test_without_redis_a_sender_that_is_stopped_takes_nothing_of_what_is_guessed(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are the oldest; dispatch could only keep them, and the others would go without."""

    async def away(*_given: object) -> None:
        raise RedisDown("away")

    tenant = behind.tenant(1)
    behind.limit(sender_rates={"SHOP": 0})
    behind.add(tenant, 2, sender="SHOP")
    behind.add(tenant, 1)
    monkeypatch.setattr(behind.capacity, "ask", away)
    monkeypatch.setattr(behind.capacity, "give_back", away)
    releaser = await behind.releaser()
    while await releaser.turn():
        pass
    assert {behind.senders[chunk] for chunk, _ in behind.sent()} == {"ACME"}


async def test_what_its_sender_keeps_back_does_not_stand_before_others_in_a_network(behind: Behind) -> None:
    """All lie in one network. Of the sender that stands in front one message has room, and the others have the rest."""
    tenant = behind.tenant(1)
    behind.limit(sender_rates={"SHOP": 2}, network_rates={"4917": 40})
    behind.add(tenant, 1, sender="SHOP")
    behind.add(tenant, 1)
    await behind.serve(await behind.releaser(), rooms=1)
    sent = Counter(behind.senders[chunk] for chunk, _ in behind.sent())
    assert sent == {"SHOP": 1, "ACME": 19}
