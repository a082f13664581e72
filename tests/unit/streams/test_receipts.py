"""Receipts: what they become, known or looked up, whole or in segments; and what is not written twice."""

from __future__ import annotations

from array import array

import msgspec
import pytest

from infra.kafka.records import ProducerRecord
from schemas.records.codec import decode_as, encode
from schemas.records.slice import RecordError
from schemas.records.wire import NO_TIME, CarrierReceipts, DeliveryReceipt, Usage
from streams.memory_runner import MemoryRunner
from streams.receipts.handler import check_receipts
from tests.support.streams.fakes import CAMPAIGN, NOW, TENANT, CarrierFact, FakePorts, some
from tests.support.streams.outputs import changes_with_codes, public
from tests.support.streams.records import found, receipts, unknown


def runner(fakes: FakePorts) -> MemoryRunner:
    return MemoryRunner(fakes.receipts, topic="carrier-receipts", clock=fakes.clock, batch=16)


async def taken(fakes: FakePorts, *records: CarrierReceipts) -> list[ProducerRecord]:
    made = runner(fakes)
    for record in records:
        made.send(encode(record))
    await made.drain()
    return made.topics.written


async def test_delivered_is_one_event_for_the_chunk_and_one_for_each_subscriber() -> None:
    outputs = await taken(FakePorts(), receipts(["DELIVRD"] * 3, refs=["a", None, "c"]))
    assert changes_with_codes(outputs) == [("delivered", 1, 0b111, "none", None)]
    first = public(outputs)[0]
    assert first == DeliveryReceipt(
        message_id=f"msg_{CAMPAIGN[4:]}_0_0",
        campaign_id=CAMPAIGN,
        tenant_id=TENANT,
        client_ref="a",
        to_hash=b"hash0000".hex(),
        channel="sms",
        carrier="acme",
        status="delivered",
        reason=None,
        carrier_code="000",
        carrier_message_id="id0",
        segments=1,
        price="0.0700",
        attempt=2,
        occurred_at=NOW,
        carrier_at=NOW,
        carrier_time=None,
        recorded_at=NOW,
        sequence=2**20 + 12,
    )
    assert [r.client_ref for r in public(outputs)] == ["a", None, "c"]
    assert [(r.occurred_at, r.carrier_at) for r in public(outputs)] == [(NOW, NOW), (NOW, NOW - 1000), (NOW, NOW - 2000)]
    assert [o.key for o in outputs if o.topic == "delivery-receipts"] == [
        f"msg_{CAMPAIGN[4:]}_0_{n}".encode() for n in range(3)
    ]
    assert [o.topic for o in outputs if o.topic == "usage"] == []


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (-62_135_596_800_000, -62_135_596_800_000),
        (0, 0),
        (NOW + 44 * 365 * 86_400_000, NOW + 44 * 365 * 86_400_000),
        (NO_TIME, None),
    ],
)
async def test_what_a_carrier_writes_for_a_time_stays_beside_ours(written: int, told: int | None) -> None:
    times = array("q", [written, NOW]).tobytes()
    record = msgspec.structs.replace(receipts(["DELIVRD", "UNDELIV"]), done_at=times, at=NOW + 9)
    events = {r.carrier_message_id: r for r in public(await taken(FakePorts(), record))}
    assert (events["id0"].carrier_at, events["id1"].carrier_at) == (told, NOW)
    assert {r.occurred_at for r in events.values()} == {NOW}, "never later than it was recorded"


async def test_what_is_no_time_stays_as_the_carrier_wrote_it() -> None:
    known = msgspec.structs.replace(
        receipts(["DELIVRD", "UNDELIV"]), done_at=array("q", [NO_TIME, NOW]).tobytes(), done_texts="4 March\n"
    )
    strange = msgspec.structs.replace(
        unknown(["DELIVRD"], ["x"]), done_at=array("q", [NO_TIME]).tobytes(), done_texts="5 March"
    )
    events = public(await taken(FakePorts(found={"x": found(4)}), known, strange))
    assert {(r.carrier_message_id, r.carrier_time, r.carrier_at) for r in events} == {
        ("id0", "4 March", None),
        ("id1", None, NOW),
        ("x", "5 March", None),
    }


@pytest.mark.parametrize(
    ("accepted", "came", "occurred", "recorded"),
    [
        (NOW - 60, NOW - 9, NOW - 9, NOW),
        (NOW - 60, NOW + 9, NOW, NOW),
        (NOW - 60, NOW - 99, NOW - 60, NOW),
        (NOW + 60, NOW - 9, NOW + 60, NOW + 60),
        (NOW + 60, NOW + 99, NOW + 60, NOW + 60),
    ],
    ids=["in order", "dispatch is ahead", "dispatch is behind", "the gateway is ahead", "we are behind"],
)
async def test_clocks_that_differ_tell_nothing_before_acceptance_nor_after_the_record(
    accepted: int, came: int, occurred: int, recorded: int
) -> None:
    known = msgspec.structs.replace(receipts(["DELIVRD"]), at=came, accepted_at=accepted)
    looked_up = msgspec.structs.replace(unknown(["DELIVRD"], ["x"]), at=came)
    outputs = await taken(FakePorts(found={"x": found(4, accepted_at=accepted)}), known, looked_up)
    assert [(r.occurred_at, r.recorded_at) for r in public(outputs)] == [(occurred, recorded)] * 2


async def test_undelivered_keeps_reason_and_code() -> None:
    outputs = await taken(
        FakePorts(),
        receipts(["UNDELIV", "EXPIRED", "REJECTD", "DELETED", "UNKNOWN"], codes=["001", "002", "", "001", "001"]),
    )
    assert sorted(changes_with_codes(outputs), key=str) == sorted(
        [
            ("undelivered", 1, some(0, 3, 4), "carrier_undelivered", "001"),
            ("undelivered", 1, some(1), "carrier_expired", "002"),
            ("undelivered", 1, some(2), "carrier_rejected", None),
        ],
        key=str,
    )
    assert {r.sequence for r in public(outputs)} == {27}


async def test_enroute_and_accepted_change_nothing() -> None:
    assert await taken(FakePorts(), receipts(["ENROUTE", "ACCEPTD"]), unknown(["ENROUTE"], ["nobody"])) == []


async def test_a_state_that_no_table_lists_is_buried_alone() -> None:
    outputs = await taken(FakePorts(), receipts(["DELIVRD", "ODD", "DELIVRD"]))
    assert changes_with_codes(outputs) == [("delivered", 1, some(0, 2), "none", None)]
    [letter] = [o for o in outputs if o.topic == "dead-letter"]
    record = decode_as(letter.value, CarrierReceipts)
    assert (record.count, record.states, record.ids) == (1, "ODD", "id1")
    check_receipts(record)


async def test_what_was_just_written_is_not_written_again_but_a_new_process_does() -> None:
    fakes = FakePorts()
    made = runner(fakes)
    made.send(encode(receipts(["DELIVRD", "DELIVRD"])))
    await made.drain()
    count = len(made.topics.written)
    made.send(encode(receipts(["DELIVRD", "DELIVRD", "DELIVRD"])))
    await made.drain()
    assert len(public(made.topics.written)) == 3
    made.restart()
    made.send(encode(receipts(["DELIVRD", "DELIVRD"])))
    await made.drain()
    assert len(public(made.topics.written)) == 5
    assert made.topics.written[:count][-2:] == made.topics.written[-2:]


async def test_what_was_not_delivered_is_not_remembered() -> None:
    made = runner(FakePorts())
    made.send(encode(receipts(["DELIVRD"])))
    made.topics.fail_next = 1
    with pytest.raises(RuntimeError):
        await made.drain()
    await made.drain()
    assert len(public(made.topics.written)) == 1


async def test_a_message_of_several_segments_is_delivered_when_all_are() -> None:
    fakes = FakePorts()
    one = receipts(["DELIVRD"], segments=b"\2", ids=["a"])
    two = receipts(["DELIVRD"], segments=b"\2", ids=["b"])
    assert await taken(fakes, one) == []
    assert await taken(fakes, one) == []
    assert changes_with_codes(await taken(fakes, two)) == [("delivered", 1, 1, "none", None)]


async def test_one_undelivered_segment_decides() -> None:
    outputs = await taken(FakePorts(), receipts(["DELIVRD", "UNDELIV"], places=[0, 0], segments=b"\3\3"))
    assert [c[0] for c in changes_with_codes(outputs)] == ["undelivered"]
    assert len(public(outputs)) == 1


async def test_a_carrier_that_reports_once_is_believed() -> None:
    fakes = FakePorts(carriers={"acme": CarrierFact(one_receipt_for_all_parts=True)})
    assert changes_with_codes(await taken(fakes, receipts(["DELIVRD"], segments=b"\3"))) == [
        ("delivered", 1, 1, "none", None)
    ]
    assert fakes.segments == {}


async def test_unknown_receipts_are_looked_up_and_else_parked() -> None:
    fakes = FakePorts(found={"id0": found(4), "id2": found(5)})
    outputs = await taken(fakes, unknown(["DELIVRD", "DELIVRD", "UNDELIV"]))
    assert sorted(changes_with_codes(outputs)) == [
        ("delivered", 2, some(4), "none", None),
        ("undelivered", 2, some(5), "carrier_undelivered", "000"),
    ]
    assert [(r.message_id[-3:], r.client_ref) for r in public(outputs)] == [("_14", "r4"), ("_15", "r5")]
    assert [r.ids for r in fakes.parked] == [("id1",)]


async def test_forms_of_an_id_are_all_looked_for() -> None:
    fakes = FakePorts()
    await taken(fakes, unknown(["DELIVRD"], ["1f,31"]))
    assert [r.ids for r in fakes.parked] == [("1f", "31")]


async def test_the_form_of_an_id_that_was_known_is_the_one_that_is_told() -> None:
    outputs = await taken(FakePorts(found={"0": found(4, id="7")}), unknown(["DELIVRD"], ["0,7"]))
    assert [r.carrier_message_id for r in public(outputs)] == ["7"]


async def test_an_uncertain_message_that_was_taken_is_charged() -> None:
    fakes = FakePorts(found={"id0": found(4, charge_round=1, segments=2, lease="l")})
    fakes.carriers["acme"] = CarrierFact(one_receipt_for_all_parts=True)
    outputs = await taken(fakes, unknown(["DELIVRD"]))
    [usage] = [decode_as(o.value, Usage) for o in outputs if o.topic == "usage"]
    assert (usage.charged, usage.refunded, usage.round, usage.segments, usage.lease) == (some(4), 0, 1, b"\2", "l")


@pytest.mark.parametrize(
    "change",
    [
        {"count": 0},
        {"count": 2},
        {"ids": "a\nb"},
        {"places": b""},
        {"segments": b""},
        {"to_hashes": b"x"},
        {"done_texts": "a\nb"},
        {"tenant": None},
        {"size": 0},
    ],
)
def test_columns_of_another_length_are_refused(change: dict[str, object]) -> None:
    fine = receipts(["DELIVRD"])
    check_receipts(fine)
    with pytest.raises(RecordError):
        check_receipts(msgspec.structs.replace(fine, **change))
