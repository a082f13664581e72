"""Reasons: complete, numbered once, and told in the tree at the top of their file."""

import pytest

import schemas.values.reasons
from schemas.values.reasons import Disposition, Reason, reason_of

STORED = {
    "none": 0,
    "draft": 1,
    "room": 2,
    "balance": 3,
    "no_carrier": 7,
    "throttled": 20,
    "carrier_transient": 21,
    "bad_destination": 40,
    "missing_variable": 41,
    "too_long": 42,
    "bad_text": 43,
    "sender_not_allowed": 44,
    "lane_not_allowed": 45,
    "no_route": 46,
    "canceled": 47,
    "validity_ended": 48,
    "insufficient_balance": 49,
    "carrier_permanent": 60,
    "partial": 61,
    "carrier_expired": 62,
    "carrier_rejected": 63,
    "carrier_undelivered": 64,
    "poison": 80,
    "undecodable": 81,
    "step_failed": 82,
    "crash_loop": 83,
    "carrier_unknown_error": 84,
    "attempts_exhausted": 85,
    "too_old": 86,
    "not_retried": 87,
    "answer_timeout": 100,
    "connection_lost": 101,
    "owner_lost": 102,
    "no_receipt": 104,
    "unlisted_part": 106,
    "paused": 6,
    "scheduled": 9,
    "closed_hours": 10,
    "cap": 13,
    "cap_reached": 51,
    "share": 14,
    "stopped": 11,
    "carrier_down": 8,
    "carrier_stopped": 12,
}
RETIRED = {
    "campaign_unknown": 4,
    "not_due": 5,
    "paused": 6,
    "carrier_down": 8,
    "returned": 22,
    "opted_out": 50,
    "uncertain_not_resent": 103,
    "duplicate_send": 105,
}
"""Were in the table before anybody gave them. One that comes back has its number again."""


def test_numbers_once_stored_never_change() -> None:
    """A new reason is added to this table; a line of it is never edited."""
    assert {str(reason): reason.number for reason in Reason} == STORED


def test_a_retired_number_stands_for_nothing_else() -> None:
    assert not {reason.number for reason in Reason if RETIRED.get(str(reason)) != reason.number} & set(RETIRED.values())


def test_what_ends_after_calls_fails_and_is_not_buried() -> None:
    assert Reason.ATTEMPTS_EXHAUSTED.disposition is Reason.TOO_OLD.disposition is Disposition.FAIL


def test_numbers_are_unique_and_fit_a_smallint() -> None:
    numbers = [reason.number for reason in Reason]
    assert len(set(numbers)) == len(numbers)
    assert all(0 <= number < 2**15 for number in numbers)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_whole(reason: Reason) -> None:
    assert isinstance(reason.disposition, Disposition)
    assert reason.sentence.endswith(".") and len(reason.sentence) > 10
    assert reason_of(reason.number) is reason
    assert Reason(str(reason)) is reason


def test_the_tree_names_every_reason_in_its_branch() -> None:
    tree = schemas.values.reasons.__doc__ or ""
    branches = {block.split(" ──")[0].strip().replace(" ", "_"): block for block in _branches(tree)}
    for reason in Reason:
        assert reason in branches[reason.disposition].replace(",", " ").split()


def _branches(tree: str) -> list[str]:
    blocks: list[str] = []
    for line in tree.splitlines():
        if " ── " in line:
            blocks.append(line)
        elif blocks:
            blocks[-1] += "\n" + line
    return blocks


def test_an_unknown_number_is_refused() -> None:
    with pytest.raises(ValueError, match="9999"):
        reason_of(9999)
