"""Settlement: an answer that no table lists ends its message, and is kept for the operator."""

from __future__ import annotations

from array import array

import msgspec
import pytest

from schemas.records.codec import decode, decode_as, encode
from schemas.records.slice import check_slice
from schemas.records.wire import Envelope, Retry, Settled, Verdict
from streams.memory_runner import MemoryRunner
from tests.support.streams.fakes import CHUNK, NOW, SEALER, FakePorts, numbers, slice_of, some
from tests.support.streams.outputs import changes, public, usage
from tests.support.streams.records import OWNERS, block_of
from tests.support.streams.runs import restarted


def unknown_block(rest: int | None) -> Settled:
    """Position 0 sent, 1 refused for good, 2 and 3 answered with codes that no table lists, 4 to be tried again."""
    block = block_of(["sent", "failed", "failed", "failed", "transient"])
    verdicts = [v for v in block.verdicts if v.outcome != "failed"]
    for position, reason, code in (
        (1, "carrier_permanent", "ESME_RINVDSTADR"),
        (2, "carrier_unknown_error", "0x00000400"),
        (3, "carrier_unknown_error", "0x000004FF"),
    ):
        verdicts.append(Verdict(outcome="failed", reason=reason, code=code, positions=some(position)))
    slice_ = (
        None
        if rest is None
        else slice_of(
            [n for p, n in enumerate(numbers(5)) if rest >> p & 1], positions=rest, size=5, segments=b"\1" * rest.bit_count()
        )
    )
    return msgspec.structs.replace(block, verdicts=verdicts, rest=slice_)


async def settled_alone(block: Settled) -> MemoryRunner:
    runner = MemoryRunner(lambda: FakePorts().settlement(), topic="attempts-marketing", clock=lambda: NOW)
    runner.send(encode(block), key=b"k", headers=[("x-from", b"dispatch")])
    await runner.drain()
    return runner


async def test_an_answer_that_no_table_lists_ends_the_message_and_is_kept_for_the_operator() -> None:
    runner = await settled_alone(unknown_block(some(2, 3, 4)))
    outputs = runner.topics.written
    assert ("failed", 1, some(2), "carrier_unknown_error") in changes(outputs)
    assert {(r.status, r.reason, r.carrier_code) for r in public(outputs)} == {
        ("failed", "carrier_permanent", "ESME_RINVDSTADR"),
        ("failed", "carrier_unknown_error", "0x00000400"),
        ("failed", "carrier_unknown_error", "0x000004FF"),
    }
    assert usage(outputs) == [(some(0), some(1, 2, 3, 4), b"\2" * 5)]
    [again] = [decode_as(o.value, Retry).slice for o in runner.topics.on("retry-10s-marketing")]
    assert again.positions == some(4)
    letters = runner.topics.on("dead-letter")
    for position, code, letter in zip((2, 3), (b"0x00000400", b"0x000004FF"), letters, strict=True):
        [slice_] = decode_as(letter.value, Envelope).slices
        check_slice(slice_)
        assert (slice_.positions, slice_.send, slice_.chunk) == (some(position), 1, CHUNK)
        assert list(array("Q", SEALER.open(slice_).to)) == [numbers(5)[position]]
        headers = dict(letter.headers)
        assert letter.key == b"k" and headers["x-from"] == b"dispatch"
        assert (headers["x-error-class"], headers["x-error-code"], headers["x-service"]) == (
            b"unknown",
            b"carrier_unknown_error",
            b"streams",
        )
        assert code in headers["x-error-message"]
        assert (headers["x-orig-topic"], headers["x-orig-offset"]) == (b"attempts-marketing", b"0")


@pytest.mark.parametrize("rest", [some(4), some(2, 4)])
async def test_without_its_columns_the_record_is_kept_of_these_positions(rest: int) -> None:
    runner = await settled_alone(unknown_block(rest))
    records = [decode(o.value) for o in runner.topics.on("dead-letter")]
    assert [isinstance(record, Settled) for record in records] == [not rest >> p & 1 for p in (2, 3)]
    assert all(record.positions in (some(2), some(3)) for record in records if isinstance(record, Settled))


async def test_what_a_replaced_owner_was_answered_is_kept_too() -> None:
    fakes = FakePorts()
    runner = restarted(fakes, *OWNERS, msgspec.structs.replace(unknown_block(some(2, 3, 4)), epoch=0))
    await runner.drain()
    assert len(runner.topics.on("dead-letter")) == 2
    assert runner.topics.on("retry-10s-marketing") == []
