"""A carrier's receipts, matched with what this process has sent, on their way to `carrier-receipts`.

In: the carrier's ids of messages as they are accepted; receipts with the call that confirms them to the carrier. Out:
`CarrierReceipts`, one record per chunk and send where the message is known. A receipt may overtake the answer to its
submit: one that may belong to a submit in flight waits up to a second for that answer. All others are unknown and go on at
once, with every form of their id: a carrier lets few receipts be unconfirmed, so each second of waiting would cost it that
many. A receipt is confirmed once Kafka has it, and a repeat with it; states that change nothing, and repeats of what Kafka
has, are confirmed at once. While Kafka is away the records are produced again and the carrier waits. What cannot be read
becomes a dead letter, byte for byte, and is confirmed once Kafka has that.

If a receipt names two ids, each is looked up in every form. Only where ids may be written in several forms (`strict`) must
the destination agree too: as the same number, in its national form, or as the other address of the receipt.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from connectors.carriers.contract import Acknowledge, Receipt, Unreadable
from connectors.dispatch.carrier_id_cache import CarrierIdCache, plain
from connectors.dispatch.receipt_records import ReceiptBatch, ReceiptGroup, known_record, unknown_record
from connectors.dispatch.send_batch import BatchMessages
from connectors.dispatch.written_receipts import WrittenReceipts
from infra.security.sealing import Sealer
from schemas.records.codec import encode
from schemas.values.foreign_text import ID_LENGTH
from schemas.values.status import RECEIPT_STATES

MOST_IDS = 500_000
EARLY_SECONDS = 1.0
MOST_IN_A_RECORD = 500
MOST_GATHERED = 4_000
"""Receipts that wait for others of their chunk, no longer than the linger: when a carrier reports in another order than it
was sent to, as after an outage, 500 of them are two or three of each chunk, and a record of few costs as much as one of
many."""
FLUSHES_AT_ONCE = 3
MANY = 32
MOST_DIGITS = 19  # more do not fit into a column of numbers
LEAST_DIGITS = 6  # of a national form

Post = Callable[[bytes, Callable[[], None]], None]
"""Produce a record to `carrier-receipts`; the call back comes when Kafka has it."""
DeadLetterUnreadable = Callable[[str, Unreadable, Callable[[], None]], None]
"""Produce what a carrier sent and nobody can read to `dead-letter`; the call back comes when Kafka has it."""
_INTERMEDIATE = frozenset(state for state, meaning in RECEIPT_STATES.items() if meaning is None)


class ReceiptMatcher:
    """Of one carrier. `linger`: seconds that receipts wait for others of their chunk, while many come: a carrier that lets
    few be unconfirmed would send no others meanwhile. `in_flight`: whether a submit to this destination (None: to any) is
    unanswered."""

    def __init__(
        self,
        carrier: str,
        post: Post,
        dead_letter: DeadLetterUnreadable,
        sealer: Sealer,
        now: Callable[[], int],
        *,
        linger: float,
        cached: int = MOST_IDS,
    ) -> None:
        self.lookup: Callable[[str], tuple[str, ...]] = lambda receipt_id: (receipt_id,)
        self.in_flight: Callable[[int | None], bool] = lambda destination: True
        self.strict = False
        self._carrier = carrier
        self._post = post
        self._dead_letter = dead_letter
        self._sealer = sealer
        self._now = now
        self._linger = linger
        self._known = CarrierIdCache[tuple[BatchMessages, int]](cached)
        self._written = WrittenReceipts()
        self._groups: dict[BatchMessages | None, ReceiptGroup] = {}
        self._pending = 0
        self._early: dict[str, list[tuple[Receipt, ReceiptBatch]]] = {}
        self._deadlines: deque[tuple[float, Receipt, ReceiptBatch]] = deque()
        self._flushing = 0
        self._many = False
        self._odd_destinations = False  # this carrier writes destinations differently from how they were submitted
        self._timer: asyncio.TimerHandle | None = None

    def learn(self, carrier_id: str, messages: BatchMessages, rank: int) -> None:
        """The carrier gave this id to this message, or to a segment of it; the id in its stored form."""
        self._known.learn(carrier_id, (messages, rank))
        if self._early:
            for receipt, batch in self._early.pop(carrier_id, ()):
                if not batch.is_open(receipt):
                    continue
                if self._agrees(receipt, messages, rank):
                    batch.forget(receipt)
                    self._add_known(batch, receipt, carrier_id, messages, rank)
                else:
                    self._early.setdefault(carrier_id, []).append((receipt, batch))
            self._schedule_flush()

    def learn_parts(self, carrier_ids: list[str], messages: BatchMessages, rank: int) -> tuple[str, ...]:
        """The same for several segments. Gives the ids as our columns hold them."""
        ids = tuple(map(plain, carrier_ids))
        for carrier_id in ids:
            self.learn(carrier_id, messages, rank)
        return ids

    def match(self, receipts: list[Receipt], acknowledge: Acknowledge) -> None:
        """Receipts as they came together from the carrier."""
        batch = ReceiptBatch(acknowledge, len(receipts))
        known = self._known.get
        for receipt in receipts:
            if receipt.state in _INTERMEDIATE:
                batch.close(1)
                continue
            carrier_id = receipt.carrier_message_id
            found = known(carrier_id)
            if found is None or not receipt.destination or int(receipt.destination) != found[0].destinations[found[1]]:
                carrier_id, found = self._find(receipt)
            if found is not None:
                self._add_known(batch, receipt, carrier_id, *found)
            elif receipt in self._written:
                batch.close(1)
            elif (group := self._written.on_the_way(receipt)) is not None:
                group.confirm_too(batch)
            elif self._may_be_early(receipt):
                self._hold_early(receipt, batch)
            else:
                self._add_unknown(receipt, batch)
        self._schedule_flush()

    def dead_letter_unreadable(self, what: Unreadable, acknowledge: Acknowledge) -> None:
        """Make a dead letter of what cannot be read, as it came from the carrier."""
        self._dead_letter(self._carrier, what, acknowledge)

    @property
    def open(self) -> int:
        """Receipts that Kafka does not have yet; a flush in flight counts as one."""
        return self._pending + self._flushing + len(self._deadlines)

    def flush(self) -> None:
        """Produce what is pending now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        groups, self._groups = self._groups, {}
        self._many, self._pending = self._pending >= MANY, 0
        if not groups:
            return
        at, left = self._now(), len(groups)
        self._flushing += 1

        def on_written() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                self._flushed()

        for messages, group in groups.items():
            record = (
                unknown_record(self._carrier, group, at, self._sealer)
                if messages is None
                else known_record(self._carrier, messages, group, at, self._sealer)
            )
            self._post(encode(record), group.close_after(self._remembering(group, on_written) if messages else on_written))

    def _remembering(self, group: ReceiptGroup, then: Callable[[], None]) -> Callable[[], None]:
        """What to do when Kafka has the receipts of this group: not before, for until then only the carrier has them."""

        def on_written() -> None:
            self._written.add(group)
            then()

        return on_written

    def _flushed(self) -> None:
        self._flushing -= 1
        if self._pending and self._flushing == 0:
            self.flush()
        else:
            self._schedule_flush()

    def _find(self, receipt: Receipt) -> tuple[str, tuple[BatchMessages, int] | None]:
        for form in self._forms(receipt):
            found = self._known.get(form)
            if found is not None and self._agrees(receipt, *found):
                self._odd_destinations |= receipt.destination != str(found[0].destinations[found[1]])
                return form, found
        return receipt.carrier_message_id, None

    def _forms(self, receipt: Receipt) -> list[str]:
        """Every form of its ids that our columns may hold, the likeliest first, none twice."""
        forms = self.lookup(receipt.carrier_message_id)
        if receipt.other_id:
            forms = (*forms, *self.lookup(receipt.other_id))
        return _within(list(dict.fromkeys([plain(form) for form in forms])))

    def _agrees(self, receipt: Receipt, messages: BatchMessages, rank: int) -> bool:
        if not self.strict:
            return True
        number = messages.destinations[rank]
        return is_number(receipt.destination, number) or receipt.other_address == str(number)

    def _may_be_early(self, receipt: Receipt) -> bool:
        """Whether it may belong to a submit that is not answered yet."""
        destination, other = receipt.destination, receipt.other_address
        if not destination or destination[0] == "0" or self._odd_destinations:
            return self.in_flight(None)
        return self.in_flight(int(destination)) or bool(other and self.in_flight(int(other)))

    def _add_known(self, batch: ReceiptBatch, receipt: Receipt, carrier_id: str, messages: BatchMessages, rank: int) -> None:
        group = self._groups.get(messages)
        if group is None:
            group = self._groups[messages] = ReceiptGroup()
        group.append(batch, receipt, carrier_id, rank)
        self._written.begin(receipt, group)
        self._pending += 1
        if messages.segments[rank] == 1:
            self._known.forget(carrier_id)
        if len(group) >= MOST_IN_A_RECORD:
            self.flush()

    def _hold_early(self, receipt: Receipt, batch: ReceiptBatch) -> None:
        loop = asyncio.get_running_loop()
        batch.remember(receipt)
        for form in self._forms(receipt):
            self._early.setdefault(form, []).append((receipt, batch))
        if not self._deadlines:
            loop.call_later(EARLY_SECONDS, self._expire_early)
        self._deadlines.append((loop.time() + EARLY_SECONDS, receipt, batch))

    def _expire_early(self) -> None:
        """Receipts that have waited long enough go on as unknown."""
        loop = asyncio.get_running_loop()
        while self._deadlines and self._deadlines[0][0] <= loop.time() + 0.01:
            _, receipt, batch = self._deadlines.popleft()
            for form in self._forms(receipt):
                self._drop_early(form, receipt)
            if batch.is_open(receipt):
                batch.forget(receipt)
                self._add_unknown(receipt, batch)
        if self._deadlines:
            loop.call_at(self._deadlines[0][0], self._expire_early)
        self._schedule_flush()

    def _add_unknown(self, receipt: Receipt, batch: ReceiptBatch) -> None:
        """Another process, or PostgreSQL, may know its message."""
        number = int(receipt.destination) if 0 < len(receipt.destination) < MOST_DIGITS else 0
        self._unknown().append(batch, receipt, ",".join(self._forms(receipt)), number)
        self._pending += 1

    def _unknown(self) -> ReceiptGroup:
        group = self._groups.get(None)
        if group is not None and len(group) >= MOST_IN_A_RECORD:
            self.flush()
            group = None
        if group is None:
            group = self._groups[None] = ReceiptGroup()
        return group

    def _drop_early(self, form: str, receipt: Receipt) -> None:
        left = [entry for entry in self._early.get(form, ()) if entry[0] is not receipt]
        if left:
            self._early[form] = left
        else:
            self._early.pop(form, None)

    def _schedule_flush(self) -> None:
        """Flush soon, or at once when much is pending; only a few flushes are in flight at a time."""
        if not self._pending or self._flushing >= FLUSHES_AT_ONCE:
            return
        if self._pending >= MOST_GATHERED:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._linger if self._many else 0, self.flush)


def is_number(digits: str, number: int) -> bool:
    """Whether these digits are this number, with or without its country code."""
    bare, whole = digits.lstrip("0"), str(number)
    return bare == whole or (len(bare) >= LEAST_DIGITS and whole.endswith(bare))


def _within(forms: list[str]) -> list[str]:
    """As many of these as a column may hold for one receipt; the first in any case."""
    while len(forms) > 1 and sum(map(len, forms)) + len(forms) > ID_LENGTH:
        forms.pop()
    return forms
