"""A slice taken up for sending: opened once, its messages handed out in order.

In: a slice, the positions of it that are to be sent, the sealer. Out: ranks (indexes into the slice's columns) to send
next, rendered texts, our ids, destinations, hashes, and the cost in segments of what still waits. A throttled message comes
back to the front. Raises `UnsealError` when the slice's columns do not open, and `MissingVariable` when a message is asked
for whose text cannot be rendered.
"""

from __future__ import annotations

from array import array
from bisect import insort
from collections.abc import Collection

from connectors.dispatch.send_progress import SendKey
from infra.security.sealing import Sealer
from schemas.records.slice import Slice
from schemas.values.ids import MessageId, message_id_at
from schemas.values.positions import everyone, places
from schemas.values.reasons import Reason
from schemas.values.template import compile_template
from schemas.values.text import smart


class BatchMessages:
    """What is remembered of a batch's messages until their receipts have come; columns by rank."""

    __slots__ = ("carrier", "destinations", "hashes", "indexes", "positions_by_rank", "refs", "segments", "slice")

    def __init__(
        self, slice_: Slice, carrier: str, destinations: array[int], hashes: bytes, refs: list[str | None] | None
    ) -> None:
        self.slice = slice_
        self.carrier = carrier
        self.positions_by_rank = places(slice_.positions)
        self.destinations = destinations
        self.hashes = hashes
        self.indexes = array("I", slice_.indexes)
        self.segments = slice_.segments or bytes([1]) * len(destinations)
        self.refs = refs if refs is not None and any(ref is not None for ref in refs) else None

    def hash(self, rank: int) -> bytes:
        """The keyed hash of this message's destination."""
        return self.hashes[8 * rank : 8 * rank + 8]

    def positions(self, ranks: list[int]) -> int:
        """The set of positions of these ranks, ascending."""
        positions_by_rank = self.positions_by_rank
        first, last = positions_by_rank[ranks[0]], positions_by_rank[ranks[-1]]
        if last - first == len(ranks) - 1:
            return everyone(len(ranks)) << first
        total = 0
        for rank in ranks:
            total |= 1 << positions_by_rank[rank]
        return total


class SendBatch:
    """The messages of one slice that this process is to send. `offset`: of the dispatch record it came in.

    `one_at_a_time`: each of its messages is submitted alone, with no other of the batch in flight. `second_tries`: ranks
    that go out for the second and last time, with the reason why the first try is unknown; `accepted_ids`: ids of those
    segments of theirs that the carrier has. `common_text`: the text of all, without variables.
    """

    __slots__ = (
        "_given_back",
        "_next",
        "_ranks",
        "_template",
        "_variables",
        "accepted_ids",
        "common_text",
        "in_flight",
        "messages",
        "offset",
        "one_at_a_time",
        "second_tries",
        "slice",
        "waiting_cost",
    )

    def __init__(
        self, slice_: Slice, positions: int, offset: int, carrier: str, sealer: Sealer, *, one_at_a_time: bool
    ) -> None:
        columns = sealer.open(slice_)
        self.messages = BatchMessages(
            slice_, carrier, array("Q", columns.to), sealer.hash_destinations(columns.to), columns.refs
        )
        # What stays in memory until the last receipt needs no sealed columns.
        self.slice = slice_
        self.offset = offset
        self.one_at_a_time = one_at_a_time
        self.in_flight = 0
        self.second_tries: dict[int, Reason] = {}
        self.accepted_ids: dict[int, tuple[str, ...]] = {}
        self._template = compile_template(slice_.body)
        nobody: list[str | None] = [None] * len(self.messages.positions_by_rank)
        self._variables = [columns.variables.get(name, nobody) for name in self._template.names]
        self.common_text = None if self._template.names else self._final(self._template.literals[0])
        positions_by_rank = self.messages.positions_by_rank
        whole = positions == slice_.positions
        self._ranks = (
            list(range(len(positions_by_rank)))
            if whole
            else [rank for rank, position in enumerate(positions_by_rank) if positions >> position & 1]
        )
        self._next = 0
        self._given_back: list[int] = []
        self.waiting_cost = self._cost(self._ranks)

    @property
    def send_key(self) -> SendKey:
        """(chunk, send)."""
        return self.slice.chunk, self.slice.send

    @property
    def waiting(self) -> int:
        """How many messages are not started, or started and given back."""
        return len(self._ranks) - self._next + len(self._given_back)

    def next_costs(self, count: int) -> list[int]:
        """Segments of each of the messages that `next_ranks` would give."""
        ranks = [*self._given_back[:count], *self._ranks[self._next : self._next + count]][:count]
        return [self.messages.segments[rank] for rank in ranks]

    def next_ranks(self, count: int) -> list[int]:
        """The next `count` ranks at most, ascending."""
        taken, self._given_back = self._given_back[:count], self._given_back[count:]
        more = self._ranks[self._next : self._next + count - len(taken)]
        self._next += len(more)
        taken += more
        self.in_flight += len(taken)
        self.waiting_cost -= self._cost(taken)
        return taken

    @property
    def waiting_ranks(self) -> list[int]:
        """The ranks of what waits, those given back first."""
        return [*self._given_back, *self._ranks[self._next :]]

    def take_waiting(self, positions: int) -> list[int]:
        """The ranks of these positions that wait, to be handed back; -1: of all."""
        if positions == -1:
            return self.next_ranks(self.waiting)
        places = self.messages.positions_by_rank
        taken = {rank for rank in self.waiting_ranks if positions >> places[rank] & 1}
        return self.take_ranks(taken) if taken else []

    def take_ranks(self, taken: Collection[int]) -> list[int]:
        """These ranks, which wait, ascending."""
        taken = frozenset(taken)
        self._given_back = [rank for rank in self._given_back if rank not in taken]
        self._ranks = [*self._ranks[: self._next], *(r for r in self._ranks[self._next :] if r not in taken)]
        self.in_flight += len(taken)
        self.waiting_cost -= self._cost(sorted(taken))
        return sorted(taken)

    def give_back(self, rank: int) -> None:
        """This message has not gone out; it is the next one again."""
        insort(self._given_back, rank)
        self.in_flight -= 1
        self.waiting_cost += self.messages.segments[rank]

    def reclaim(self, rank: int) -> bool:
        """Count this message, given back before, as in flight again; False when it does not wait."""
        if rank not in self._given_back:
            return False
        self._given_back.remove(rank)
        self.in_flight += 1
        self.waiting_cost -= self.messages.segments[rank]
        return True

    def end_in_flight(self, count: int) -> None:
        """So many messages in flight are answered or were handed back."""
        self.in_flight -= count
        if not self.in_flight and not self.waiting:
            self._variables = []

    def text(self, rank: int) -> str:
        """The text to send; where it is common to all, the same object, so that a carrier encodes it once."""
        if self.common_text is not None:
            return self.common_text
        return self._final(self._template.fill([column[rank] for column in self._variables]))

    def message_id(self, rank: int) -> MessageId:
        """Our id of this message."""
        slice_ = self.slice
        return message_id_at(slice_.campaign, slice_.chunk, slice_.part, self.messages.indexes[rank])

    def _final(self, text: str) -> str:
        return smart(text) if self.slice.smart else text

    def _cost(self, ranks: list[int]) -> int:
        segments = self.messages.segments
        if ranks and ranks[-1] - ranks[0] == len(ranks) - 1:
            return sum(segments[ranks[0] : ranks[-1] + 1])
        return sum([segments[rank] for rank in ranks])
