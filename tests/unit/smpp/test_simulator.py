"""The simulator's parts: rules, outbox, delays, log, script."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from connectors.simulator import log
from connectors.simulator.delay_line import DelayLine
from connectors.simulator.log import SubmitLog, read_log
from connectors.simulator.outbox import Outbox
from connectors.simulator.rules import Rules
from connectors.simulator.script import Script, changed
from tests.support.simulator_parts import Taker, notices
from tests.support.waiting import until


def test_rules_count_and_do_not_guess() -> None:
    rules = Rules(Script(throttle_every=5, error_every=3, error_status=8, lose_answer_every=4, states={"EXPIRED": 7}))
    verdicts = [rules.judge(count, "4911", 0.0) for count in range(1, 16)]
    assert [count for count, verdict in enumerate(verdicts, 1) if verdict.status == 0x58] == [5, 10, 15]
    assert [count for count, verdict in enumerate(verdicts, 1) if verdict.status == 8] == [3, 6, 9, 12]
    assert [count for count, verdict in enumerate(verdicts, 1) if not verdict.answered] == [4, 8]
    assert [count for count, verdict in enumerate(verdicts, 1) if verdict.state == "EXPIRED"] == [7, 14]


def test_the_rate_limit_lets_through_what_it_says() -> None:
    rules = Rules(Script(rate=100.0))
    passed = sum(rules.judge(count, "49", count / 1000).status == 0 for count in range(1, 10_001))
    assert 1000 <= passed <= 1010


@pytest.mark.parametrize("raw", [b'{"throtle_every": 1}', b'{"rate": -1}', b'{"states": {"X": -2}}', b"[]", b"no"])
def test_a_bad_script_is_refused(raw: bytes) -> None:
    with pytest.raises((ValueError, msgspec.DecodeError)):
        changed(Script(), raw)


def test_a_change_keeps_the_rest() -> None:
    assert changed(Script(rate=5.0), b'{"throttle_every": 2}') == Script(rate=5.0, throttle_every=2)


def test_an_outbox_keeps_receipts_for_the_next_bind() -> None:
    outbox = Outbox(limit=100)
    outbox.add(notices(1, 2, 3))
    first = Taker(room=2)
    outbox.join(first)
    assert (first.got, len(outbox)) == (["1", "2"], 1)
    outbox.leave(first, notices(1, 2))
    second = Taker(room=10)
    outbox.join(second)
    assert second.got == ["1", "2", "3"]


def test_an_outbox_shares_between_binds_and_is_bounded() -> None:
    outbox = Outbox(limit=4)
    takers = [Taker(room=3), Taker(room=3)]
    for taker in takers:
        outbox.join(taker)
    outbox.add(notices(*range(20)))
    assert [len(taker.got) for taker in takers] == [3, 3]
    assert (len(outbox), outbox.dropped) == (4, 10)


def test_a_receipt_goes_out_where_its_submit_came_in_while_that_bind_is_there() -> None:
    outbox = Outbox(limit=100)
    first, second = Taker(room=2), Taker(room=10)
    outbox.join(first)
    outbox.join(second)
    outbox.add(notices(1, 2, 3), first)
    assert (first.got, second.got, len(outbox)) == (["1", "2"], [], 1)
    outbox.leave(first, notices(1, 2))
    assert second.got == ["1", "2", "3"]
    outbox.add(notices(4), first)
    assert second.got == ["1", "2", "3", "4"]


async def test_a_delay_line_gives_in_order_of_time() -> None:
    got: list[str] = []
    line: DelayLine[str] = DelayLine(asyncio.get_running_loop(), got.extend)
    now = asyncio.get_running_loop().time()
    for delay, item in ((0.03, "c"), (0.0, "a"), (0.01, "b"), (0.03, "d"), (60.0, "never")):
        line.push(now + delay, item)
    await until(lambda: len(got) == 4)
    assert got == ["a", "b", "c", "d"]
    assert len(line) == 1
    line.close()


def test_the_log_tells_what_it_was_told_and_forgives_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    with SubmitLog(path) as submits:
        stamp = log.stamp(1.5, 2)
        submits.add([log.line(stamp, b"4911", log.middle(b'My, "Bank"', (7, 2, 1)), 153, b"99", 0)])
        submits.add([log.line(stamp, b"4912", log.middle(b"Bank", (0, 1, 1)), 5, b"", 0x58)])
    with path.open("a") as file:
        file.write("1.5,2,49")
    first, second = read_log(path)
    assert (first.destination, first.source, first.reference, first.total, first.sequence) == (
        "4911", "My_ _Bank_", 7, 2, 1,
    )  # fmt: skip
    assert (second.id, second.status, second.octets) == ("", 0x58, 5)
