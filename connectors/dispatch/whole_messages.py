"""Tokens of a carrier that takes a message whole, all its segments in one call.

In: what the next messages cost in segments, tokens as they are free. Out: how many of these messages may go, and how many
tokens that took. A carrier's rate is in segments per second, so a message goes when the tokens of all its segments are in
hand; those of one that needs more than are free at a time are put by until they are together. What goes never exceeds what
was granted. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable


class WholeMessages:
    """Of one sender. What is put by is less than one message costs."""

    def __init__(self) -> None:
        self._put_by = 0

    def pay(self, costs: Iterable[int], tokens: int) -> tuple[int, int]:
        """(how many of these messages go now, how many of the `tokens` are taken for them or put by)."""
        purse = self._put_by + tokens
        count = total = 0
        for cost in costs:
            if total + cost > purse:
                break
            total += cost
            count += 1
        if count == 0:
            self._put_by = purse
            return 0, tokens
        taken = max(0, total - self._put_by)
        self._put_by = max(0, self._put_by - total)
        return count, taken

    def forget(self) -> None:
        """Nothing waits: what is put by must not become a burst later."""
        self._put_by = 0
