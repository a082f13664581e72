"""One table of states: whatever a carrier writes means one of the standard's, or nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.values.receipt_states import MESSAGE_STATES, NUMBERS, OF_MEANING, TABLE, bare, state_of, weight
from schemas.values.status import RECEIPT_STATES


def test_the_table_lists_every_state_and_no_spelling_twice() -> None:
    assert {row.state for row in TABLE} == set(RECEIPT_STATES) == set(NUMBERS)
    spellings = [spelling for row in TABLE for spelling in (row.state, *row.spellings)]
    assert len(set(spellings)) == len(spellings) and all(bare(one) == one for one in spellings)
    assert sorted(MESSAGE_STATES) == list(range(10))
    assert set(OF_MEANING.values()) <= set(RECEIPT_STATES)


@given(st.sampled_from(sorted(RECEIPT_STATES)), st.booleans(), st.sampled_from(["", "_", " ", "-"]))
def test_case_and_separators_do_not_matter(state: str, lower: bool, between: str) -> None:
    written = between.join(state)
    assert state_of(written.lower() if lower else written) == state


@given(st.text(max_size=40))
def test_any_text_is_a_state_or_none(text: str) -> None:
    state = state_of(text)
    assert state is None or weight(state) in (1, 2, 3)
