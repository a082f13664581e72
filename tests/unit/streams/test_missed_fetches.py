"""aiokafka's own fetcher, with a client that answers when it is told to: a fetch that ends just as something else wakes it
is followed by the next one at once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition as TP
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import SubscriptionState

from streams.missed_fetches import look_again
from tests.support.waiting import until

NEVER = 600.0


class Client:
    """`asked`: an answer to give for each fetch."""

    _metadata_max_age_ms = 1000

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.cluster = SimpleNamespace(leader_for_partition=lambda _tp: 1)
        self.asked: list[asyncio.Future[Any]] = []

    async def send(self, _node: int, _request: object) -> Any:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]


async def test_a_fetch_that_ends_as_something_else_wakes_the_fetcher_is_followed_by_another() -> None:
    client, subscriptions, place = Client(), SubscriptionState(), TP("t", 0)
    subscriptions.assign_from_user({place})
    subscriptions.seek(place, 0)
    fetcher = Fetcher(client, subscriptions, fetcher_timeout=NEVER)
    look_again(fetcher)
    try:
        for number in range(1, 4):
            await until(lambda number=number: len(client.asked) == number)  # type: ignore[misc]
            fetcher._notify(fetcher._wait_consume_future)
            client.asked[-1].set_result(SimpleNamespace(topics=[], API_VERSION=4))
        await until(lambda: len(client.asked) == 4)
        assert [answer.done() for answer in client.asked] == [True, True, True, False]
    finally:
        await fetcher.close()
