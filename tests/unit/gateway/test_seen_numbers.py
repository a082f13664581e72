"""Exact duplicates, few and many, in blocks of any size, and what they cost in memory."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from gateway.screening.seen_numbers import SMALL, SeenNumbers


def test_every_repeat_is_found_and_nothing_else() -> None:
    chosen = random.Random(7)
    seen, known = SeenNumbers(), set[int]()
    left = 10 * SMALL
    while left > 0:
        block = [4915100000000 + chosen.randrange(6 * SMALL) for _ in range(chosen.choice((0, 1, 2, 100, 340)))]
        left -= len(block) + 1
        expected = []
        for rank, number in enumerate(block):
            if number in known:
                expected.append(rank)
            known.add(number)
        assert seen.find_repeats(block) == expected


def test_the_largest_and_the_smallest_number() -> None:
    seen = SeenNumbers()
    assert seen.find_repeats(range(SMALL + 10)) == []
    # Numbers that have all lower digits in common are others, too.
    far = [10**19 - 1, 2**50 + 5, 2**56 + 5, 2**63 + 5]
    assert seen.find_repeats(far) == [] and seen.find_repeats(far) == [0, 1, 2, 3]
    assert seen.find_repeats([0, SMALL + 9, SMALL + 10, SMALL + 10]) == [0, 1, 3]


def test_a_block_repeats_itself() -> None:
    for before in (0, SMALL):
        seen = SeenNumbers()
        seen.find_repeats(range(100, 100 + before))
        assert seen.find_repeats([1, 2, 1, 3, 3, 3]) == [2, 4, 5]


@pytest.mark.parametrize("numbers", [200_000, pytest.param(600_000, marks=pytest.mark.slow)])
def test_eight_bytes_a_number_beyond_the_constant(numbers: int) -> None:
    places, empty_place = 1 << 16, 48
    tracemalloc.start()
    try:
        seen = SeenNumbers()
        for first in range(0, numbers, 500):
            seen.find_repeats(range(first, first + 500))
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < 8 * numbers + places * empty_place
