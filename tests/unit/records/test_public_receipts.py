"""Public events: one per message, CloudEvents headers, the same `ce_id` on every repeat."""

from __future__ import annotations

from array import array

import msgspec
import pytest
from cloudevents.v1.http import from_http
from hypothesis import given
from hypothesis import strategies as st

from schemas.examples import CAMPAIGN, NOON, ROOT, TENANT, slice_of
from schemas.ids import CampaignId, campaign_message_id
from schemas.public_receipts import event_headers, message_ids, receipts_of
from schemas.records import DeliveryReceipt
from schemas.slices import Columns
from schemas.status import Status, sequence

COLUMNS = Columns(to=array("Q", [4915112345670 + i for i in range(3)]).tobytes(), refs=["a", None, "c"])
HASHES = bytes(range(24))


def canceled(send: int | None = None, recorded_at: int = NOON) -> list[DeliveryReceipt]:
    return receipts_of(slice_of(), COLUMNS, HASHES, status=Status.CANCELED, reason="canceled", occurred_at=NOON + 7,
                       recorded_at=recorded_at, send=send)


def test_one_event_per_message_with_what_belongs_to_it() -> None:
    events = canceled()
    assert [event.message_id for event in events] == [f"msg_{ROOT}_0_{i}" for i in range(3)]
    assert [event.client_ref for event in events] == ["a", None, "c"]
    assert [event.to_hash for event in events] == [HASHES[8 * i:8 * i + 8].hex() for i in range(3)]
    assert {event.sequence for event in events} == {sequence(1, Status.CANCELED)}
    assert [event.price for event in events] == ["0.0700"] * 3
    assert {event.tenant_id for event in events} == {TENANT}


def test_the_send_number_may_be_another_than_the_slices() -> None:
    assert canceled(send=3)[0].sequence == sequence(3, Status.CANCELED)


def test_a_slice_without_segments_has_no_price() -> None:
    unpriced = msgspec.structs.replace(slice_of(), segments=b"")
    event = receipts_of(unpriced, COLUMNS, HASHES, status=Status.EXPIRED, reason="validity_ended", occurred_at=1,
                        recorded_at=1)[0]
    assert (event.segments, event.price) == (None, None)


def test_a_single_messages_id_is_its_chunks() -> None:
    assert message_ids(None, f"msg_{ROOT}", 0, array("I", [0]).tobytes()) == [f"msg_{ROOT}"]


@given(st.lists(st.integers(0, 2**31 - 1), max_size=20), st.integers(0, 2**31 - 1))
def test_ids_are_those_that_the_gateway_gave_out(indexes: list[int], part: int) -> None:
    assert message_ids(CAMPAIGN, f"chk_{ROOT}_{part}_0", part, array("I", indexes).tobytes()) == [
        campaign_message_id(CampaignId(CAMPAIGN), part, index) for index in indexes]


def test_headers_are_a_cloud_event_and_the_same_on_a_repeat() -> None:
    first, again = canceled()[0], canceled(recorded_at=NOON + 60_000)[0]
    assert event_headers(first) == event_headers(again)
    headers = dict(event_headers(first))
    assert headers["ce_id"] == f"{first.message_id}/{first.sequence}".encode()
    assert headers["ce_time"] == b"2026-11-17T12:00:00.007Z"
    assert headers["content-type"] == headers["ce_datacontenttype"] == b"application/avro"


def test_the_cloudevents_library_accepts_the_attributes() -> None:
    headers = {name.replace("ce_", "ce-", 1): value.decode() for name, value in event_headers(canceled()[0])}
    event = from_http(headers, b"avro", data_unmarshaller=lambda data: data)
    assert event["specversion"] == "1.0"
    assert event["type"] == "sluice.delivery-receipt.v1"
    assert event["source"] == "/sluice"
    assert event["tenantid"] == TENANT


@pytest.mark.parametrize("status", [Status.REJECTED, Status.EXPIRED, Status.FAILED, Status.DELIVERED])
def test_no_header_tells_who_the_recipient_is(status: Status) -> None:
    for event in receipts_of(slice_of(), COLUMNS, HASHES, status=status, reason="none", occurred_at=1, recorded_at=1):
        told = b" ".join(value for _, value in event_headers(event)) + repr(event).encode()
        assert b"49151" not in told
