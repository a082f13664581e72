"""The hand-written encoder of public receipts says exactly what the codec says, and its headers are CloudEvents."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.records.codec import decode_as, encode
from schemas.records.kafka_format import record_body
from schemas.records.receipt_encoder import Shared
from schemas.records.wire import DeliveryReceipt
from schemas.rules.message_end import PublicEvents, ReceiptColumns
from schemas.values.money import format_amount

TEXT = st.text(max_size=80).filter(lambda text: text.encode("utf-8", "ignore").decode() == text)
MAYBE = st.none() | TEXT
MILLIS = st.integers(min_value=0, max_value=4_000_000_000_000)
IDS = st.text(alphabet="ABC_0123456789msg", min_size=1, max_size=64)


def encoded_by_hand(
    receipt: DeliveryReceipt, price: int | None, to_hash: bytes, written: int | str | None
) -> tuple[bytes | None, bytes | None]:
    """Key and value. `price` of a segment."""
    shared = Shared(
        tenant=receipt.tenant_id,
        campaign=receipt.campaign_id,
        carrier=receipt.carrier,
        status=receipt.status,
        reason=receipt.reason,
        price=price,
        attempt=receipt.attempt,
        recorded_at=receipt.recorded_at,
        sequence=receipt.sequence,
    )
    columns = ReceiptColumns(
        [receipt.message_id.encode()],
        refs=[receipt.client_ref],
        hashes=to_hash,
        codes=[receipt.carrier_code],
        carrier_ids=[receipt.carrier_message_id],
        segments=[receipt.segments],
        times=[receipt.occurred_at],
        carrier_times=[written],
    )
    [(key, value, headers)] = shared.records(**columns._asdict())
    assert shared.bodies(**columns._asdict()) == [record_body(key, value, headers)]
    return key, value


@given(
    IDS,
    MAYBE,
    TEXT,
    MAYBE,
    st.binary(min_size=8, max_size=8) | st.just(b""),
    MAYBE,
    MAYBE,
    MAYBE.filter(lambda code: code != ""),
    MAYBE,
    st.none() | st.integers(1, 255),
    st.none() | st.integers(0, 10_000_000),
    st.integers(0, 300),
    MILLIS,
    MILLIS,
    st.integers(0, 2**20 + 13),
    st.none() | st.integers(-62_135_596_800_000, 253_402_300_799_000) | TEXT,
)
def test_same_bytes_as_the_codec(
    message: str,
    campaign: str | None,
    tenant: str,
    ref: str | None,
    to_hash: bytes,
    carrier: str | None,
    reason: str | None,
    code: str | None,
    carrier_id: str | None,
    segments: int | None,
    price: int | None,
    attempt: int,
    occurred: int,
    recorded: int,
    sequence: int,
    written: int | str | None,
) -> None:
    receipt = DeliveryReceipt(
        message_id=message,
        campaign_id=campaign,
        tenant_id=tenant,
        client_ref=ref,
        to_hash=to_hash.hex(),
        channel="sms",
        carrier=carrier,
        status="delivered",
        reason=reason,
        carrier_code=code,
        carrier_message_id=carrier_id,
        segments=segments,
        price=None if price is None or segments is None else format_amount(price * segments),
        attempt=attempt,
        occurred_at=occurred,
        carrier_at=written if isinstance(written, int) else None,
        carrier_time=written if isinstance(written, str) else None,
        recorded_at=recorded,
        sequence=sequence,
    )
    key, by_hand = encoded_by_hand(receipt, price, to_hash, written)
    assert key == message.encode()
    assert by_hand == encode(receipt)
    assert decode_as(by_hand, DeliveryReceipt) == receipt


def test_headers_are_those_of_the_binding() -> None:
    shared = Shared(
        tenant="7b1e",
        campaign=None,
        carrier="acme",
        status="failed",
        reason="carrier_permanent",
        price=100,
        attempt=1,
        recorded_at=2,
        sequence=26,
    )
    [(_, _, headers)] = shared.records([b"msg_X_0_7"], hashes=b"", times=[1_700_000_000_250])
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"msg_X_0_7/26",
        "ce_source": b"/sluice",
        "ce_type": b"sluice.delivery-receipt.v1",
        "ce_time": b"2023-11-14T22:13:20.250Z",
        "ce_subject": b"msg_X_0_7",
        "content-type": b"application/avro",
        "ce_tenantid": b"7b1e",
    }


def test_a_repeat_has_the_same_id_and_a_change_another() -> None:
    def event_id(sequence: int) -> bytes:
        shared = Shared(
            tenant="t",
            campaign=None,
            carrier=None,
            status="x",
            reason=None,
            price=None,
            attempt=1,
            recorded_at=5,
            sequence=sequence,
        )
        [(_, _, headers)] = shared.records([b"m"], hashes=b"", times=[1])
        return dict(headers)["ce_id"]

    assert event_id(20) == event_id(20) != event_id(26)


def test_each_record_of_a_block_has_what_is_its_own() -> None:
    shared = Shared(
        tenant="t",
        campaign="cmp_X",
        carrier="acme",
        status="delivered",
        reason=None,
        price=100,
        attempt=1,
        recorded_at=5,
        sequence=99,
    )
    columns = ReceiptColumns(
        [b"a", b"bb", b"c"],
        hashes=bytes(range(24)),
        times=[1, 2, 2],
        refs=["r", None, "s"],
        codes=["", "8", "8"],
        carrier_ids=["1", "2" * 2000, None],
        segments=[1, 2, 0],
    )
    events = PublicEvents(shared, columns)
    told = [decode_as(value, DeliveryReceipt) for _, value, _ in events]
    assert events.bodies() == [record_body(*event) for event in events]
    assert [key for key, _, _ in events] == list(events.keys)
    assert len(events) == 3
    assert [
        (
            one.message_id,
            one.client_ref,
            one.to_hash,
            one.carrier_code,
            one.carrier_message_id,
            one.segments,
            one.price,
            one.occurred_at,
        )
        for one in told
    ] == [
        ("a", "r", bytes(range(8)).hex(), None, "1", 1, "0.0100", 1),
        ("bb", None, bytes(range(8, 16)).hex(), "8", "2" * 2000, 2, "0.0200", 2),
        ("c", "s", bytes(range(16, 24)).hex(), "8", None, None, None, 2),
    ]
