"""What `delivery-receipts` told subscribers, message by message.

In: public events, and the chunks that were accepted. Out: final states of which no subscriber heard, and events of
messages that were never accepted. Memory: a byte for each message and state.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator

from infra.verify.accepted import AcceptedChunk
from schemas.records.wire import DeliveryReceipt
from schemas.values.ids import IdError, parse_message_id
from schemas.values.positions import everyone, places

_PAGE = 4096
Part = tuple[str, str]  # tenant; campaign and part, or a single message's id
Pages = dict[int, bytearray]


class PublicEvents:
    """`note` all, then ask."""

    def __init__(self) -> None:
        self._parts: dict[Part, dict[int, Pages]] = {}  # by sequence
        self._singles: dict[Part, tuple[int, ...]] = {}

    def note(self, receipt: DeliveryReceipt) -> None:
        """One event; a repeat changes nothing."""
        try:
            parsed = parse_message_id(receipt.message_id)
        except IdError:
            parsed = None
        if parsed is None or parsed.campaign is None:
            key = (receipt.tenant_id, receipt.message_id)
            known = self._singles.get(key, ())
            self._singles[key] = known if receipt.sequence in known else (*known, receipt.sequence)
            return
        part = self._parts.setdefault((receipt.tenant_id, f"{parsed.campaign}/{parsed.part}"), {})
        _mark(part.setdefault(receipt.sequence, {}), (parsed.index,))

    def unheard(self, chunk: AcceptedChunk, sequence: int, positions: int) -> int:
        """Those of these positions that no event told to be in this state."""
        if chunk.campaign is None:
            return self._unheard_singles(chunk, sequence, positions)
        pages = self._parts.get(_part(chunk), {}).get(sequence, {})
        index, empty, out = array("I", chunk.indexes), bytes(_PAGE), 0
        for p in places(positions):
            page, place = divmod(index[p], _PAGE)
            if not pages.get(page, empty)[place]:
                out |= 1 << p
        return out

    def _unheard_singles(self, chunk: AcceptedChunk, sequence: int, positions: int) -> int:
        out = 0
        for p, name in zip(places(positions), chunk.message_ids(positions), strict=True):
            if sequence not in self._singles.get((chunk.tenant, name), ()):
                out |= 1 << p
        return out

    def strangers(self, known: Iterable[AcceptedChunk]) -> Iterator[str]:
        """Messages that events speak of and that stand in none of these chunks."""
        members: dict[Part, Pages] = defaultdict(dict)
        singles: set[Part] = set()
        for chunk in known:
            if chunk.campaign is None:
                singles.update((chunk.tenant, name) for name in chunk.message_ids(everyone(chunk.size)))
            elif _part(chunk) in self._parts:
                _mark(members[_part(chunk)], array("I", chunk.indexes))
        yield from (of for tenant, of in self._singles if (tenant, of) not in singles)
        for part, told in self._parts.items():
            campaign, _, number = part[1].partition("/")
            yield from (
                f"msg_{campaign[4:]}_{number}_{index}"
                for index in sorted({index for pages in told.values() for index in _beyond(pages, members.get(part, {}))})
            )


def _part(chunk: AcceptedChunk) -> Part:
    return chunk.tenant, f"{chunk.campaign}/{chunk.part}"


def _mark(pages: Pages, indexes: Iterable[int]) -> None:
    for index in indexes:
        number, place = divmod(index, _PAGE)
        page = pages.get(number)
        if page is None:
            page = pages[number] = bytearray(_PAGE)
        page[place] = 1


def _beyond(pages: Pages, known: Pages) -> Iterator[int]:
    """Indexes that are marked in `pages` and not in `known`."""
    empty = bytearray(_PAGE)
    for number, page in pages.items():
        member = known.get(number, empty)
        if int.from_bytes(page) & ~int.from_bytes(member):
            yield from (number * _PAGE + p for p in range(_PAGE) if page[p] and not member[p])
