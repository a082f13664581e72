"""States: the highest sequence is the truth, whatever the order of arrival."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values.reasons import Reason
from schemas.values.status import (
    FINAL,
    MAX_SEND,
    RECEIPT_STATES,
    STATUSES,
    ReceiptStateError,
    Status,
    receipt_outcome,
    sequence,
    status_of,
)

SENDS = st.integers(0, MAX_SEND)
STATES = st.sampled_from(Status)
SETTLED = (Status.DELIVERED, Status.READ)


def test_the_ranks_are_those_of_the_interface() -> None:
    assert " < ".join(STATUSES) == (
        "accepted < scheduled < held < queued < expired < canceled < rejected < sending < uncertain < sent < failed"
        " < undelivered < delivered < read"
    )
    assert [status.rank for status in STATUSES] == list(range(14))


@given(SENDS, STATES)
def test_a_sequence_tells_its_state(send: int, status: Status) -> None:
    assert status_of(sequence(send, status)) is status


@given(SENDS, STATES, SENDS, STATES)
def test_later_sends_win_and_within_one_the_rank(a: int, first: Status, b: int, second: Status) -> None:
    expected = (first in SETTLED, 0 if first in SETTLED else a, first.rank) < (
        second in SETTLED,
        0 if second in SETTLED else b,
        second.rank,
    )
    assert (sequence(a, first) < sequence(b, second)) is expected


def test_examples() -> None:
    assert sequence(0, Status.ACCEPTED) == 0
    assert sequence(1, Status.SENDING) == 23
    assert sequence(7, Status.DELIVERED) == 2**20 + 12
    assert sequence(7, Status.READ) == 2**20 + 13
    assert sequence(MAX_SEND, Status.UNDELIVERED) < sequence(0, Status.DELIVERED)


@pytest.mark.parametrize("send", [-1, MAX_SEND + 1])
def test_send_numbers_have_bounds(send: int) -> None:
    with pytest.raises(ValueError, match="send number"):
        sequence(send, Status.SENT)


def test_ends() -> None:
    assert {str(status) for status in FINAL} == {
        "expired",
        "canceled",
        "rejected",
        "failed",
        "undelivered",
        "delivered",
        "read",
    }


def test_receipts() -> None:
    assert receipt_outcome("DELIVRD") == (Status.DELIVERED, Reason.NONE)
    assert receipt_outcome("EXPIRED") == (Status.UNDELIVERED, Reason.CARRIER_EXPIRED)
    assert receipt_outcome("REJECTD") == (Status.UNDELIVERED, Reason.CARRIER_REJECTED)
    for state in ("UNDELIV", "DELETED", "UNKNOWN"):
        assert receipt_outcome(state) == (Status.UNDELIVERED, Reason.CARRIER_UNDELIVERED)
    assert receipt_outcome("ENROUTE") is None
    assert receipt_outcome("ACCEPTD") is None
    assert len(RECEIPT_STATES) == 8


def test_an_unknown_receipt_state_is_refused() -> None:
    with pytest.raises(ReceiptStateError):
        receipt_outcome("delivrd")
