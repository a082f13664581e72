"""What an end writes: the same for a slice as for the smaller slice of its own messages, and no money for what was free."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.releaser.release import PER_ENVELOPE
from schemas.records.codec import decode_as
from schemas.records.slice import ENVELOPE_BYTES, Slice
from schemas.records.wire import DeliveryReceipt
from schemas.rules.envelopes import group_slices
from schemas.rules.message_end import ReceiptColumns, Recipients, StateReached, end_slice
from schemas.rules.waiting_room import after_hold, held_row
from schemas.values.positions import everyone, positions_of
from schemas.values.reasons import Reason
from schemas.values.status import Status

AT = 1_800_000_000_000


def a_slice(count: int = 3, **other: object) -> Slice:
    fields: dict[str, object] = {
        "tenant": "7b1e0000-0000-4000-8000-000000000001",
        "campaign": "cmp_" + "0" * 26,
        "chunk": "chk_1",
        "part": 0,
        "size": count,
        "lane": "marketing",
        "send": 1,
        "positions": everyone(count),
        "sender": "Sluice",
        "body": "hello",
        "accepted_at": AT,
        "due_at": AT,
        "expires_at": AT,
        "indexes": array("I", range(count)).tobytes(),
        "key_id": "k",
        "sealed": b"",
        "carrier": "acme",
        "price": 700,
        "segments": bytes(range(1, count + 1)),
        **other,
    }
    return Slice(**fields)  # type: ignore[arg-type]


RECIPIENTS = Recipients(b"hash0000hash0001hash0002", ["a", None, "c"])


@pytest.mark.parametrize(
    ("reason", "status", "sequence"),
    [(Reason.CANCELED, "canceled", 21), (Reason.VALIDITY_ENDED, "expired", 20), (Reason.NO_ROUTE, "rejected", 22)],
)
def test_each_reason_ends_in_its_state_with_both_events_and_a_refund(reason: Reason, status: str, sequence: int) -> None:
    end = end_slice(a_slice(), RECIPIENTS, reason=reason, at=AT, reserved=700)
    assert (end.change.status, end.change.send, end.change.positions, end.change.reason) == (status, 1, 0b111, reason)
    assert end.refund is not None
    assert (end.refund.charged, end.refund.refunded, end.refund.segments, end.refund.price) == (0, 0b111, b"\1\2\3", 700)
    told = [decode_as(value, DeliveryReceipt) for _, value, _ in end.public]
    assert [(one.client_ref, one.to_hash, one.segments, one.price) for one in told] == [
        ("a", b"hash0000".hex(), 1, "0.0700"),
        (None, b"hash0001".hex(), 2, "0.1400"),
        ("c", b"hash0002".hex(), 3, "0.2100"),
    ]
    assert {(one.status, one.reason, one.sequence, one.attempt) for one in told} == {(status, reason, sequence, 0)}


def test_what_ends_under_the_next_number_says_so_everywhere() -> None:
    end = end_slice(
        a_slice(accepted_at=AT - 9), RECIPIENTS, reason=Reason.CANCELED, at=AT, reserved=0, send=2, occurred_at=AT - 5
    )
    assert end.change.send == 2 and end.refund is None
    assert {
        (one.sequence, one.occurred_at, one.recorded_at)
        for one in (decode_as(value, DeliveryReceipt) for _, value, _ in end.public)
    } == {(37, AT - 5, AT)}


@pytest.mark.parametrize(
    ("ours", "noted", "occurred", "recorded"),
    [
        (AT + 5, AT + 3, AT + 3, AT + 5),
        (AT + 5, AT + 99, AT + 5, AT + 5),
        (AT + 5, AT - 99, AT, AT + 5),
        (AT - 5, AT - 9, AT, AT),
        (AT - 5, AT + 9, AT, AT),
    ],
    ids=["in order", "the noting host is ahead", "the noting host is behind", "both are behind", "we are behind"],
)
def test_nothing_happens_before_it_was_accepted_nor_later_than_it_is_recorded(
    ours: int, noted: int, occurred: int, recorded: int
) -> None:
    end = end_slice(a_slice(), RECIPIENTS, reason=Reason.CANCELED, at=ours, reserved=0, occurred_at=noted)
    told = [decode_as(value, DeliveryReceipt) for _, value, _ in end.public]
    assert {(one.occurred_at, one.recorded_at) for one in told} == {(occurred, recorded)}


@given(st.sets(st.integers(0, 7), min_size=1))
def test_picked_columns_tell_of_the_picked_messages_alone(members: set[int]) -> None:
    ranks = sorted(members)
    columns = ReceiptColumns(
        [b"msg_%d" % n for n in range(8)],
        b"".join(b"hash%04d" % n for n in range(8)),
        [AT + n for n in range(8)],
        [f"r{n}" for n in range(8)],
        [f"c{n}" for n in range(8)],
        [f"id{n}" for n in range(8)],
        list(range(1, 9)),
    )
    state = StateReached(
        head=a_slice(8),
        send=1,
        status=Status.UNDELIVERED,
        reason=Reason.CARRIER_EXPIRED,
        carrier="acme",
        price=100,
        attempt=1,
        at=AT,
        accepted_at=AT,
    )
    every = list(state.public_events(columns))
    assert list(state.public_events(columns.pick(ranks))) == [every[n] for n in ranks]


def test_a_second_wait_is_a_row_of_its_own_and_a_repeat_is_not() -> None:
    waiting = a_slice()
    first = held_row(waiting, Reason.ROOM, AT, AT)
    assert (first.hold, first.portion) == (held_row(waiting, Reason.ROOM, AT, AT + 9).hold, first.portion)
    assert held_row(after_hold(waiting, first.hold), Reason.ROOM, AT, AT).hold == first.hold + 1
    assert (first.cost, first.cheapest) == (700 * 6, 700)
    assert held_row(replace(waiting, positions=positions_of([0, 1])), Reason.ROOM, AT, AT).portion != first.portion


def test_slices_share_a_record_while_they_are_few_small_and_alike() -> None:
    small = [a_slice(chunk=f"chk_{n}") for n in range(5)]
    assert [len(group) for group in group_slices(small, most=2)] == [2, 2, 1]
    assert [len(group) for group in group_slices(small, most=9, key=lambda one: one.chunk == "chk_2")] == [2, 1, 2]
    large = [a_slice(chunk=f"chk_{n}", sealed=b"x" * (ENVELOPE_BYTES // 2)) for n in range(2)]
    assert [len(group) for group in group_slices(large, most=9)] == [1, 1]
    assert group_slices([], most=9) == []


def test_what_would_not_fit_into_one_record_goes_in_two() -> None:
    large = [a_slice(chunk=f"chk_{n}", sealed=b"x" * 200_000) for n in range(5)]
    assert [len(group) for group in group_slices(large, most=PER_ENVELOPE)] == [2, 2, 1]
    assert [len(group) for group in group_slices([a_slice() for _ in range(40)], most=PER_ENVELOPE)] == [32, 8]
