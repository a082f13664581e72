"""A position is claimed once, and remembered while anything of its send is open."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.dispatch.send_progress import SendProgress

SEND_KEY = ("chk", 1)


def test_a_further_slice_adds_only_what_stands_nowhere() -> None:
    progress = SendProgress()
    progress.mark(SEND_KEY, 0b0001)
    assert progress.claim(SEND_KEY, 0b0111) == 0b0110
    assert progress.claim(SEND_KEY, 0b1111) == 0b1000
    assert progress.claim(SEND_KEY, 0b1111) == 0
    assert progress.claim(("chk", 2), 0b1) == 0b1
    assert progress.known(SEND_KEY) == 0b1111


@given(st.lists(st.integers(1, 2**20), min_size=1, max_size=20))
def test_no_position_is_ever_given_out_twice(slices: list[int]) -> None:
    progress, given_out = SendProgress(), 0
    for positions in slices:
        fresh = progress.claim(SEND_KEY, positions)
        assert fresh & given_out == 0 and fresh & ~positions == 0
        given_out |= fresh
    assert given_out == progress.known(SEND_KEY)


def test_open_rows_are_never_forgotten() -> None:
    progress = SendProgress(remembered=10)
    for number in range(100):
        send_key = (f"chk{number}", 1)
        progress.claim(send_key, 0b11)
        if number != 3:
            progress.close(send_key, 2)
    assert progress.known(("chk3", 1)) == 0b11
    assert progress.known(("chk99", 1)) == 0b11
    assert progress.known(("chk0", 1)) == 0
