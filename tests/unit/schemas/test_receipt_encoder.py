"""The hand-written encoder of public receipts says exactly what the codec says, and its headers are CloudEvents."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode_as, encode
from schemas.money import format_amount
from schemas.receipt_encoder import Shared, encode_receipt
from schemas.records import DeliveryReceipt

TEXT = st.text(max_size=80).filter(lambda text: text.encode("utf-8", "ignore").decode() == text)
MAYBE = st.none() | TEXT
MILLIS = st.integers(min_value=0, max_value=4_000_000_000_000)
IDS = st.text(alphabet="ABC_0123456789msg", min_size=1, max_size=64)


@given(IDS, MAYBE, TEXT, MAYBE, st.binary(min_size=8, max_size=8) | st.just(b""), MAYBE, MAYBE, MAYBE, MAYBE,
       st.none() | st.integers(1, 255), st.none() | st.integers(0, 10_000_000), st.integers(0, 300), MILLIS, MILLIS,
       st.integers(0, 2**20 + 13))
def test_same_bytes_as_the_codec(message: str, campaign: str | None, tenant: str, ref: str | None, to_hash: bytes,
                                 carrier: str | None, reason: str | None, code: str | None, carrier_id: str | None,
                                 segments: int | None, price: int | None, attempt: int, occurred: int, recorded: int,
                                 sequence: int) -> None:
    receipt = DeliveryReceipt(
        message_id=message, campaign_id=campaign, tenant_id=tenant, client_ref=ref, to_hash=to_hash.hex(),
        channel="sms", carrier=carrier, status="delivered", reason=reason, carrier_code=code,
        carrier_message_id=carrier_id, segments=segments,
        price=None if price is None or segments is None else format_amount(price * segments), attempt=attempt,
        occurred_at=occurred, recorded_at=recorded, sequence=sequence)
    shared = Shared(tenant=tenant, campaign=campaign, carrier=carrier, status="delivered", reason=reason, price=price,
                    attempt=attempt, recorded_at=recorded, sequence=sequence)
    by_hand = shared.encode(message.encode(), ref=ref, to_hash=to_hash, code=code, carrier_id=carrier_id,
                            segments=segments, occurred_at=occurred)
    assert by_hand == encode(receipt)
    assert encode_receipt(receipt) == by_hand
    assert decode_as(by_hand, DeliveryReceipt) == receipt


def test_headers_are_those_of_the_binding() -> None:
    shared = Shared(tenant="7b1e", campaign=None, carrier="acme", status="failed", reason="carrier_permanent",
                    price=100, attempt=1, recorded_at=2, sequence=26)
    headers = dict(shared.headers(b"msg_X_0_7", 1_700_000_000_250))
    assert headers == {
        "ce_specversion": b"1.0", "ce_id": b"msg_X_0_7/26", "ce_source": b"/sluice",
        "ce_type": b"sluice.delivery-receipt.v1", "ce_time": b"2023-11-14T22:13:20.250Z", "ce_subject": b"msg_X_0_7",
        "content-type": b"application/avro", "ce_tenantid": b"7b1e",
    }


def test_a_repeat_has_the_same_id_and_a_change_another() -> None:
    def event_id(sequence: int) -> bytes:
        shared = Shared(tenant="t", campaign=None, carrier=None, status="x", reason=None, price=None, attempt=1,
                        recorded_at=5, sequence=sequence)
        return dict(shared.headers(b"m", 1))["ce_id"]

    assert event_id(20) == event_id(20) != event_id(26)
