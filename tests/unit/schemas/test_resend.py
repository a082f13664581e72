"""What goes again: by scope, under the next send number, and never what was delivered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.records.slice import ResumeAt
from schemas.rules.resend import SCOPES, RetryScope, positions_to_resend, slice_to_resend
from schemas.values.status import MAX_SEND, Status, sequence, status_of
from tests.support.log_records import a_slice

SEQUENCES = st.lists(
    st.just(0) | st.builds(sequence, st.integers(1, MAX_SEND), st.sampled_from(Status)), min_size=1, max_size=40
)


@given(SEQUENCES, st.sampled_from(RetryScope))
def test_each_position_goes_at_most_once_and_under_the_send_after_its_last(sequences: list[int], scope: RetryScope) -> None:
    groups = positions_to_resend(sequences, scope)
    for position, number in enumerate(sequences):
        sends = [send for send, positions in groups.items() if positions >> position & 1]
        wanted = number > 0 and status_of(number) in SCOPES[scope] and number // 16 < MAX_SEND
        assert sends == ([number // 16 + 1] if wanted else [])


def test_what_was_delivered_or_read_is_in_no_scope() -> None:
    done = [sequence(1, Status.DELIVERED), sequence(3, Status.READ), sequence(1, Status.SENT)]
    assert all(positions_to_resend(done, scope) == {} for scope in RetryScope)


def test_it_is_due_now_with_its_whole_validity_and_a_round_of_its_own() -> None:
    chunk = a_slice()
    again = slice_to_resend(chunk, 4, 7, 5_000)
    assert (again.send, again.round, again.version, again.resume_at) == (4, 3, 7, ResumeAt.ROUTE)
    assert (again.due_at, again.expires_at - again.due_at) == (5_000, chunk.expires_at - chunk.due_at)
    assert (again.attempts, again.carrier, again.price) == (0, chunk.carrier, chunk.price)
