"""What fails alone becomes a dead letter alone, at every stage; its neighbours go on. Public event and state say the
same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import pytest

from infra.postgres.faults import ValueRefused
from schemas.records.codec import decode, decode_as, encode
from schemas.records.wire import CarrierReceipts, Envelope, Settled, Verdict
from schemas.values.positions import everyone
from streams.memory_runner import MemoryRunner
from streams.ports import Found, UnknownReceipt
from streams.receipts.handler import check_receipts
from streams.runner import BrakeOn
from tests.support.streams.fakes import CAMPAIGN, TENANT, FakePorts, envelope, numbers, slice_of, some
from tests.support.streams.outputs import changes_with_codes, public
from tests.support.streams.records import block_of, found, receipts, unknown

HOSTILE = ["021\0", "\x1b[2J", "x" * 1_000_000, "\u202eילשמ", '\\u0000"', "a\tb", "\x9f"]


@dataclass(kw_only=True)
class PickyWorld(FakePorts):
    """A look-up that PostgreSQL refuses when one of its ids is odd, or that fails whatever it is asked."""

    broken: bool = False

    async def lookup(self, receipts: Sequence[UnknownReceipt], now: int) -> list[Found | None]:
        if self.broken:
            raise TypeError("a fault of ours")
        if any(receipt.ids[0].startswith("odd") for receipt in receipts):
            raise ValueRefused("an id that no index takes")
        return await super().lookup(receipts, now)


def match(fakes: FakePorts) -> MemoryRunner:
    return MemoryRunner(fakes.receipts, topic="carrier-receipts", clock=fakes.clock, batch=16)


async def test_one_receipt_that_cannot_be_looked_up_is_buried_alone() -> None:
    fakes = PickyWorld(found={f"id{n}": found(n) for n in range(20)})
    ids = [f"id{n}" for n in range(20)]
    ids[7] = "odd7"
    made = match(fakes)
    made.send(encode(unknown(["DELIVRD"] * 20, ids)), b"acme", [("own", b"kept")])
    await made.drain()
    assert sum(bits for _, _, bits, _, _ in changes_with_codes(made.topics.written)) == everyone(20) & ~some(7)
    assert len(public(made.topics.written)) == 19
    [letter] = made.topics.on("dead-letter")
    alone = decode_as(letter.value, CarrierReceipts)
    check_receipts(alone)
    assert (alone.count, alone.ids, letter.key) == (1, "odd7", b"acme")
    headers = dict(letter.headers)
    assert headers["own"] == b"kept" and headers["x-orig-topic"] == b"carrier-receipts"
    assert (headers["x-orig-offset"], headers["x-error-class"]) == (b"0", b"ValueRefused")


async def test_a_receipt_that_was_buried_alone_can_be_replayed() -> None:
    fakes = PickyWorld(found={"id0": found(0), "odd1": found(1)})
    made = match(fakes)
    made.send(encode(unknown(["DELIVRD", "DELIVRD"], ["id0", "odd1"])))
    await made.drain()
    [letter] = made.topics.on("dead-letter")
    mended = MemoryRunner(lambda: FakePorts(found=fakes.found).receipts(), topic="carrier-receipts", clock=fakes.clock)
    mended.send(letter.value, letter.key, letter.headers)
    await mended.drain()
    assert [r.client_ref for r in public(mended.topics.written)] == ["r1"]


async def test_any_number_of_odd_values_never_pulls_the_brake() -> None:
    made = match(PickyWorld(found={"id": found(0)}))
    for n in range(60):
        made.send(encode(unknown(["DELIVRD", "DELIVRD"], [f"odd{n}", f"odder{n}"])))
    await made.drain()
    assert len(made.topics.on("dead-letter")) == 60  # nothing of them could be handled: each as it came
    assert made.acknowledged == 60


async def test_a_fault_of_ours_buries_records_as_they_came_and_pulls_the_brake() -> None:
    fakes = PickyWorld(broken=True)
    made = MemoryRunner(fakes.receipts, topic="carrier-receipts", clock=fakes.clock, brake=1)
    records = [encode(unknown(["DELIVRD"] * 30)) for _ in range(2)]
    made.send(records[0])
    await made.drain()
    assert [letter.value for letter in made.topics.on("dead-letter")] == [records[0]]
    made.send(records[1])
    with pytest.raises(BrakeOn):
        await made.drain()


@pytest.mark.parametrize("text", HOSTILE)
async def test_state_and_public_event_name_the_same_code_whatever_the_carrier_wrote(text: str) -> None:
    record = receipts(["DELIVRD", "UNDELIV", "DELIVRD"], codes=["000", text, "000"], ids=["a", text, "c"])
    made = match(FakePorts())
    made.send(encode(record))
    await made.drain()
    assert made.topics.on("dead-letter") == []
    [code] = [code for status, *_, code in changes_with_codes(made.topics.written) if status == "undelivered"]
    [event] = [r for r in public(made.topics.written) if r.status == "undelivered"]
    assert event.carrier_code == code is not None and len(code) <= 64 and "\0" not in code
    assert len([r for r in public(made.topics.written) if r.status == "delivered"]) == 2


@pytest.mark.parametrize("done_at", [-62_135_596_800_001, -(2**63), 2**63 - 1, 253_402_300_800_000])
async def test_a_time_that_no_calendar_has_is_none(done_at: int) -> None:
    record = receipts(["DELIVRD", "DELIVRD"])
    times = done_at.to_bytes(8, "little", signed=True) + record.done_at[8:]
    made = match(FakePorts())
    made.send(encode(msgspec.structs.replace(record, done_at=times)))
    await made.drain()
    assert [r.carrier_at for r in public(made.topics.written)] == [None, record.at - 1000]
    assert [r.occurred_at for r in public(made.topics.written)] == [record.at] * 2


async def test_a_receipt_beyond_its_chunk_is_buried_alone() -> None:
    made = match(FakePorts())
    made.send(encode(receipts(["DELIVRD"] * 5, places=[0, 1, 700, 3, 4])))
    await made.drain()
    assert sum(bits for _, _, bits, _, _ in changes_with_codes(made.topics.written)) == some(0, 1, 3, 4)
    [letter] = made.topics.on("dead-letter")
    assert decode_as(letter.value, CarrierReceipts).ids == "id2"
    assert dict(letter.headers)["x-error-code"] == b"undecodable"


async def test_columns_of_other_lengths_are_buried_as_they_came() -> None:
    made = match(FakePorts())
    broken = encode(msgspec.structs.replace(receipts(["DELIVRD"] * 3), done_at=b"odd"))
    made.send(broken)
    made.send(encode(receipts(["DELIVRD"])))
    await made.drain()
    assert [letter.value for letter in made.topics.on("dead-letter")] == [broken]
    assert len(public(made.topics.written)) == 1


async def test_one_verdict_that_nobody_knows_leaves_the_others_settled() -> None:
    block = block_of(["sent", "sent", "failed", "sent", "partial"])
    odd = [
        Verdict(
            outcome=v.outcome,
            reason="no_such_reason" if v.outcome == "failed" else v.reason,
            code=v.code,
            positions=v.positions,
        )
        for v in block.verdicts
    ]
    fakes = FakePorts()
    made = MemoryRunner(fakes.settlement, topic="attempts-marketing", clock=fakes.clock)
    made.send(encode(msgspec.structs.replace(block, verdicts=odd)))
    await made.drain()
    assert sum(bits for _, _, bits, _, _ in changes_with_codes(made.topics.written)) == some(0, 1, 3, 4)
    [letter] = made.topics.on("dead-letter")
    alone = decode(letter.value)
    assert isinstance(alone, Settled) and (alone.positions, alone.ids) == (some(2), "")


@pytest.mark.parametrize("text", HOSTILE)
async def test_an_answers_code_is_the_same_in_state_and_public_event(text: str) -> None:
    block = block_of(["sent", "failed"])
    verdicts = [msgspec.structs.replace(v, code=text) if v.outcome == "failed" else v for v in block.verdicts]
    fakes = FakePorts()
    made = MemoryRunner(fakes.settlement, topic="attempts-marketing", clock=fakes.clock)
    made.send(encode(msgspec.structs.replace(block, verdicts=verdicts)))
    await made.drain()
    assert made.topics.on("dead-letter") == []
    assert [r.carrier_code for r in public(made.topics.written)] == [
        code for status, *_, code in changes_with_codes(made.topics.written) if status == "failed"
    ]


@pytest.mark.parametrize(
    "odd",
    [
        {"size": 0},
        {"lane": "otp"},
        {"send": 0},
        {"positions": 0},
        {"segments": b"\1\1\1"},
        {"tenant": TENANT.upper()},
        {"chunk": "chk_\0"},
        {"chunk": "c" * 3000},
        {"sealed": b"does not open, whoever tries"},
    ],
)
async def test_a_chunk_that_contradicts_itself_is_buried_alone(odd: dict[str, object]) -> None:
    fakes = FakePorts()
    fakes.run()
    good = [slice_of(numbers(3), chunk=f"{CAMPAIGN.replace('cmp', 'chk')}_0_{n}") for n in range(2)]
    bad = msgspec.structs.replace(slice_of(numbers(2), chunk=good[0].chunk[:-1] + "9"), **odd)
    made = MemoryRunner(lambda: fakes.intake(), topic="ingest-marketing", clock=fakes.clock)
    made.send(envelope(good[0], bad, good[1]))
    await made.drain()
    gone = [s for o in made.topics.on("dispatch-marketing") for s in decode_as(o.value, Envelope).slices]
    assert sorted(s.chunk for s in gone) == sorted(s.chunk for s in good)
    [letter] = made.topics.on("dead-letter")
    assert decode_as(letter.value, Envelope).slices == [bad]


async def test_one_recipient_of_a_chunk_that_no_step_can_handle_is_buried_alone() -> None:
    fakes = FakePorts()
    fakes.run()

    def invalid(to: Sequence[int]) -> set[int]:
        if numbers(10)[6] in to:
            raise TypeError("a fault in a step")
        return set()

    made = MemoryRunner(lambda: fakes.intake(invalid=invalid), topic="ingest-marketing", clock=fakes.clock)
    made.send(envelope(slice_of(numbers(10))))
    await made.drain()
    gone = sum(s.positions for o in made.topics.on("dispatch-marketing") for s in decode_as(o.value, Envelope).slices)
    assert gone == everyone(10) & ~some(6)
    [letter] = made.topics.on("dead-letter")
    assert [s.positions for s in decode_as(letter.value, Envelope).slices] == [some(6)]
