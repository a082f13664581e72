"""The log of calls says how what was refused for the moment is to be tried again, as it was set when the answer came."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.carriers.contract import Accepted, Refused, Result, Submit
from schemas.records.wire import Settled
from schemas.values.retry_strategy import RetryStrategy
from tests.support.dispatch.harness import SenderHarness
from tests.support.waiting import until

ONCE = RetryStrategy(attempts=1)


@pytest.mark.parametrize("klass", ["transient", "unknown"])
async def test_the_strategy_in_force_stands_beside_what_is_to_be_tried_again(klass: Any) -> None:
    harness = SenderHarness()

    def refuse(one: Submit) -> Result:
        return Refused(ref=one.ref, code="X", klass=klass)

    harness.carrier.answer = refuse
    harness.strategy = ONCE
    harness.add(1)
    await until(lambda: harness.log.of(Settled))
    harness.strategy = None
    harness.add(1, chunk="chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_1")
    await until(lambda: len(harness.log.of(Settled)) == 2)
    assert [record.retry for record in harness.log.of(Settled)] == [ONCE, None]


async def test_nothing_is_said_where_nothing_is_to_be_tried_again() -> None:
    harness = SenderHarness()
    harness.carrier.answer = lambda one: Accepted(ref=one.ref, ids=("a",))
    harness.strategy = ONCE
    harness.add(1)
    await until(lambda: harness.log.of(Settled))
    assert [record.retry for record in harness.log.of(Settled)] == [None]
