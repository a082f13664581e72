"""One example of every record, as it looks on its topic; used by the tests and by the reference.

Enters: nothing. Leaves: the records, in the order of the schema ids. They tell one story: a campaign of three messages
of which the first is sent, the second is tried again, the third waits. Sealed columns are shown as plain placeholder
bytes, because a seal needs a key. Nothing can go wrong.
"""

from __future__ import annotations

from array import array

from schemas.records import wire as r
from schemas.records.slice import ResumeAt, Slice
from schemas.values.call_outcome import CallOutcome
from schemas.values.lanes import Lane
from schemas.values.positions import places
from schemas.values.reasons import Reason
from schemas.values.status import Status, sequence

ROOT = "01KAZ3V5T8QK4M7N2P9RS6WXYD"
TENANT = "6f0f3f4e-9d0c-4c53-8a35-5b7f6a1f2c11"
CAMPAIGN = f"cmp_{ROOT}"
CHUNK = f"chk_{ROOT}_0_0"
CARRIER = "acme-de"
KEY_ID = "k1/2026-11"
SEALED = b"nonce-of-12B" + b"ciphertext, then a tag of 16 bytes"
NOON = 1_794_916_800_000
PRICE = 700


def slice_of(positions: int = 0b111, *, send: int = 1, attempts: int = 0) -> Slice:
    """Some of the three messages of the example, routed and priced."""
    count = positions.bit_count()
    return Slice(
        tenant=TENANT,
        campaign=CAMPAIGN,
        chunk=CHUNK,
        part=0,
        size=3,
        lane=Lane.MARKETING,
        send=send,
        positions=positions,
        round=attempts,
        attempts=attempts,
        version=1,
        resume_at=ResumeAt.ROUTE,
        sender="Sluice",
        body="Hello {{name}}",
        accepted_at=NOON,
        due_at=NOON,
        expires_at=NOON + 86_400_000,
        first_failed_at=NOON + 900 if attempts else None,
        indexes=array("I", places(positions)).tobytes(),
        key_id=KEY_ID,
        sealed=SEALED,
        carrier=CARRIER,
        price=PRICE,
        segments=bytes([1]) * count,
    )


def examples() -> tuple[r.Record, ...]:
    """One record of each class, in the order of the schema ids."""
    return (*_on_the_way(), *_aside(), *_told(), *_commanded_and_charged())


def _on_the_way() -> tuple[r.Record, ...]:
    return (
        r.Envelope(slices=[slice_of()]),
        r.Owner(owner="dispatch-bulk-0", lane=Lane.MARKETING, at=NOON),
        r.Started(
            epoch=41,
            carrier=CARRIER,
            tenant=TENANT,
            campaign=CAMPAIGN,
            chunk=CHUNK,
            part=0,
            size=3,
            lane=Lane.MARKETING,
            send=1,
            round=0,
            price_class=0,
            attempts=0,
            positions=0b011,
            dispatch_offset=7,
            at=NOON + 400,
        ),
        r.Settled(
            epoch=41,
            carrier=CARRIER,
            tenant=TENANT,
            campaign=CAMPAIGN,
            chunk=CHUNK,
            part=0,
            size=3,
            lane=Lane.MARKETING,
            send=1,
            round=0,
            price_class=0,
            attempts=0,
            positions=0b011,
            price=PRICE,
            lease=None,
            at=NOON + 900,
            verdicts=_verdicts(),
            indexes=array("I", [0, 1]).tobytes(),
            segments=b"\x01\x01",
            ids="a1b2c3",
            to_hashes=bytes(range(16)),
            key_id=KEY_ID,
            sealed_refs=SEALED,
            rest=slice_of(0b010),
        ),
        r.Returned(epoch=41, carrier=CARRIER, reason=Reason.NO_CARRIER, at=NOON + 950, rest=slice_of(0b100)),
    )


def _verdicts() -> list[r.Verdict]:
    return [
        r.Verdict(outcome=CallOutcome.SENT, reason=Reason.NONE, code=None, positions=0b001),
        r.Verdict(outcome=CallOutcome.TRANSIENT, reason=Reason.CARRIER_TRANSIENT, code="0x00000014", positions=0b010),
    ]


def _aside() -> tuple[r.Record, ...]:
    return (
        r.Retry(not_before=NOON + 10_900, reason=Reason.CARRIER_TRANSIENT, slice=slice_of(0b010, send=2, attempts=1)),
        r.Held(
            hold=0,
            portion=0,
            reason=Reason.ROOM,
            not_before=NOON,
            cost=PRICE,
            cheapest=PRICE,
            at=NOON + 960,
            slice=slice_of(0b100, send=2),
        ),
        r.Released(tenant=TENANT, chunk=CHUNK, send=2, hold=0, portion=0, positions=0b100, at=NOON + 1_500),
    )


def _told() -> tuple[r.Record, ...]:
    return (
        r.MessageEvents(
            tenant=TENANT,
            campaign=CAMPAIGN,
            chunk=CHUNK,
            part=0,
            size=3,
            lane=Lane.MARKETING,
            at=NOON + 900,
            changes=[
                r.Change(
                    status=Status.SENT,
                    send=1,
                    positions=0b001,
                    reason=Reason.NONE,
                    carrier=CARRIER,
                    price=PRICE,
                    segments=b"\x01",
                )
            ],
        ),
        r.CarrierReceipts(
            carrier=CARRIER,
            at=NOON + 4_000,
            count=1,
            ids="a1b2c3",
            states="DELIVRD",
            codes="000",
            done_at=array("q", [NOON + 3_800]).tobytes(),
            to_hashes=bytes(range(8)),
            tenant=TENANT,
            campaign=CAMPAIGN,
            chunk=CHUNK,
            size=3,
            lane=Lane.MARKETING,
            send=1,
            price=PRICE,
            places=array("H", [0]).tobytes(),
            indexes=array("I", [0]).tobytes(),
            segments=b"\x01",
            key_id=KEY_ID,
            sealed_refs=SEALED,
        ),
    )


def _commanded_and_charged() -> tuple[r.Record, ...]:
    return (
        r.CampaignCommand(
            tenant=TENANT, campaign=CAMPAIGN, version=1, status="running", lane=Lane.MARKETING, parts=[0], at=NOON
        ),
        r.Usage(
            tenant=TENANT,
            campaign=CAMPAIGN,
            chunk=CHUNK,
            size=3,
            round=0,
            price_class=0,
            charged=0b001,
            refunded=0b010,
            price=PRICE,
            segments=b"\x01\x01",
            lease=None,
            at=NOON + 900,
        ),
        r.DeliveryReceipt(
            message_id=f"msg_{ROOT}_0_0",
            campaign_id=CAMPAIGN,
            tenant_id=TENANT,
            client_ref="order-17",
            to_hash=bytes(range(8)).hex(),
            channel="sms",
            carrier=CARRIER,
            status=Status.DELIVERED,
            reason=Reason.NONE,
            carrier_code="000",
            carrier_message_id="a1b2c3",
            segments=1,
            price="0.0700",
            attempt=0,
            occurred_at=NOON + 4_000,
            carrier_at=NOON + 3_800,
            carrier_time=None,
            recorded_at=NOON + 4_010,
            sequence=sequence(1, Status.DELIVERED),
        ),
    )
