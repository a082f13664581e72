"""Exact duplicates, few and many, and what they cost in memory."""

from __future__ import annotations

import random
import tracemalloc

from gateway.seen_numbers import SMALL, SeenNumbers


def test_every_repeat_is_found_and_nothing_else() -> None:
    chosen = random.Random(7)
    seen, known = SeenNumbers(), set[int]()
    for _ in range(3 * SMALL):
        number = 4915100000000 + chosen.randrange(2 * SMALL)
        assert seen.add(number) == (number not in known)
        known.add(number)


def test_the_largest_and_the_smallest_number() -> None:
    seen = SeenNumbers()
    for number in range(SMALL + 10):
        assert seen.add(number)
    assert seen.add(10**15 - 1) and not seen.add(10**15 - 1)
    assert not seen.add(0) and not seen.add(SMALL + 9) and seen.add(SMALL + 10)


def test_eight_bytes_a_number_beyond_the_constant() -> None:
    def held(numbers: int) -> int:
        seen = SeenNumbers()
        for number in range(numbers):
            seen.add(number)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        less, more = held(2 * SMALL), held(6 * SMALL)
    finally:
        tracemalloc.stop()
    assert more - less < 8 * 4 * SMALL
