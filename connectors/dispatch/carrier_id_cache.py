"""Which message a carrier's id belongs to: the newest half million or so, for receipts that come soon.

In: ids with their message. Out: the message of an id. The oldest go a generation at a time: removed one by one from the
front of a dict, each removal would have to skip all the slots that earlier removals have left empty there.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

GENERATIONS = 4

T = TypeVar("T")


class CarrierIdCache(Generic[T]):
    """Holds at most `most` ids."""

    def __init__(self, most: int) -> None:
        self._size = max(1, most // GENERATIONS)
        self._newest: dict[str, T] = {}
        self._generations: deque[dict[str, T]] = deque([self._newest], maxlen=max(1, most // self._size))

    def learn(self, id_: str, message: T) -> None:
        """This id belongs to this message."""
        newest = self._newest
        if len(newest) >= self._size:
            newest = self._newest = {}
            self._generations.appendleft(newest)
        newest[id_] = message

    def get(self, id_: str) -> T | None:
        """The message of this id; the newest one, if the carrier has used it again."""
        for generation in self._generations:
            found = generation.get(id_)
            if found is not None:
                return found
        return None

    def forget(self, id_: str) -> None:
        """No further receipt is expected for this id."""
        for generation in self._generations:
            if generation.pop(id_, None) is not None:
                return


def plain(carrier_id: str) -> str:
    """The id as it may stand in our columns, which know commas and line ends as separators."""
    return carrier_id if carrier_id.isalnum() else carrier_id.replace(",", "_").replace("\n", "_").replace("\r", "_")
