"""Tokens for a carrier that takes a message whole, all its segments in one call.

In: what the next messages cost in segments, tokens that are free. Out: how many of these messages may go, and how many
tokens that took. A carrier's rate is in segments per second, so a message goes when the tokens for all its segments are
there; for a message that needs more than are free at a time they are saved until there are enough. What goes never exceeds
what was granted. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable


class WholeMessages:
    """Of one sender. What is saved is less than one message costs."""

    def __init__(self) -> None:
        self._saved = 0

    def pay(self, costs: Iterable[int], tokens: int) -> tuple[int, int]:
        """(how many of these messages go now, how many of the `tokens` are taken for them or saved)."""
        available = self._saved + tokens
        count = total = 0
        for cost in costs:
            if total + cost > available:
                break
            total += cost
            count += 1
        if count == 0:
            self._saved = available
            return 0, tokens
        taken = max(0, total - self._saved)
        self._saved = max(0, self._saved - total)
        return count, taken

    def forget(self) -> None:
        """Nothing waits: what is saved must not become a burst later."""
        self._saved = 0
