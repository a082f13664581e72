"""Shares and rates as a carrier's log tells them."""

from __future__ import annotations

import pytest

from infra.bench.fairness import _lines, _number
from infra.bench.rates import _carrier
from infra.bench.rates import _lines as _rated_lines
from infra.bench.windows import count_between, jain, most_in, share_of, submits_by, windows

LOG = [b"2.0,1,aa,S,0", b"1.0,1,ab,S,0", b"3.0,1,ba,S,0", b"9.0,1,?,S,0"]


def test_submits_are_sorted_by_whose_they_are() -> None:
    found = submits_by(LOG, lambda to: None if to == b"?" else to[:1])
    assert found == {b"a": [1.0, 2.0], b"b": [3.0]}
    assert share_of(found, 0.0, 2.5) == {b"a": 1.0, b"b": 0.0}


def test_windows_are_whole_and_closed_on_one_side() -> None:
    assert list(windows(1.0, 3.9, 1.0)) == [(1.0, 2.0), (2.0, 3.0)]
    assert [count_between([1.0, 1.5, 2.0], *edges) for edges in windows(1.0, 3.0, 1.0)] == [2, 1]
    assert most_in([0.0, 0.9, 1.0, 1.5, 3.0], 1.0) == 3 and most_in([], 1.0) == 0


@pytest.mark.parametrize(("shares", "expected"), [([5, 5, 5], 1.0), ([9, 0, 0], 1 / 3), ([0, 0], 1.0), ([], 1.0)])
def test_jains_index(shares: list[int], expected: float) -> None:
    assert jain(shares) == pytest.approx(expected)


def test_destinations_tell_whose_a_message_is() -> None:
    [block] = _lines(27, 5, 2)
    assert block.splitlines()[0].startswith(b'{"to":"+4915127000005",')
    assert _number(b"4915127000005") == 27 and _number(b"447400100000") is None
    [block] = _rated_lines(7, 1)
    assert block.startswith(b'{"to":"+4916070000000",')
    assert _carrier(b"4916070000000") == 7 and _carrier(b"4915110000000") is None
