"""What dispatch may ask of any carrier, whatever its protocol.

In: `Submit` records, one a message, with the text already encoded and cut into parts. Out: exactly one `Result` a
message, handed over in batches, and `Receipt` records as the carrier reports them. Nothing here raises for what a
carrier does; everything that can go wrong with one message is a kind of result:

    Accepted   every part asked for was taken; `ids` holds one carrier id a part, in order
    Refused    the carrier said no to a part; `klass` says whether asking again can help
    Throttled  the carrier said "not now"; nothing of this part was taken, no attempt is counted
    Unknown    bytes of a part were handed to the network and no answer came: the carrier may have it. While the
               connection stands the answer may still come: then one more result follows for the same `ref`, Accepted,
               Refused or Throttled, that speaks of that part alone (`ids`: its id, if it was taken). After `lost`
               none can
    NotSent    no byte of the part that was next has left: certain, so it may go again

Parts of one message are sent one after the other, each after the answer of the one before, so `sent_parts` is always a
prefix: counted from the first part of the message, `first_part` included. `ids` speaks of this call's parts alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

Alphabet = Literal["gsm7", "ucs2"]
FailureClass = Literal["permanent", "transient", "unknown"]


class Submit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message to send.

    `ref` is the caller's key and comes back in the result. `source` as the sender wrote it; `destination` E.164
    digits without '+'. `parts`: user data without header, gsm7 = one septet an octet, ucs2 = UTF-16BE. `concat_ref`
    0..255 is used when there are several parts. `validity_seconds` from now; 0 = the carrier's default. `first_part`:
    parts before it were accepted earlier. `part_count`: how many parts to send in this call, 0 = all that are left; a
    caller that paces segment by segment asks for one at a time.
    """

    ref: int
    source: str
    destination: str
    alphabet: Alphabet
    parts: tuple[bytes, ...]
    concat_ref: int = 0
    validity_seconds: int = 0
    first_part: int = 0
    part_count: int = 0


class Accepted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Every part that was asked for is with the carrier."""

    ref: int
    ids: tuple[str, ...]


class Refused(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The carrier refused a part; the parts before it (`sent_parts`) are with the carrier."""

    ref: int
    code: str
    klass: FailureClass
    sent_parts: int = 0
    ids: tuple[str, ...] = ()


class Throttled(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The carrier has no room now; `wait_seconds` when it said how long."""

    ref: int
    code: str
    wait_seconds: float | None = None
    sent_parts: int = 0
    ids: tuple[str, ...] = ()


class Unknown(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The part after `sent_parts` was handed to the network and not answered. `lost`: the connection is gone."""

    ref: int
    sent_parts: int = 0
    ids: tuple[str, ...] = ()
    lost: bool = False


class NotSent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """No byte of the part after `sent_parts` has left this process."""

    ref: int
    sent_parts: int = 0
    ids: tuple[str, ...] = ()


Result = Accepted | Refused | Throttled | Unknown | NotSent


class Receipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the carrier reports of one segment.

    `carrier_message_id` as it stood in the receipt (see `Carrier.lookup_ids`); `other_id` when it names a second one.
    `state`: one of `schemas.values.status.RECEIPT_STATES`. `code` the carrier's error code or ''. `destination`: digits of
    the handset that the receipt speaks of, '' when the carrier does not say; `other_address`: digits of the other
    address, which is the handset's with carriers that do not swap them. `done_at`: seconds since the epoch, as the
    carrier wrote it, read as UTC, or None. All text is clean (`schemas.values.foreign_text`).
    """

    carrier_message_id: str
    state: str
    code: str
    destination: str
    done_at: float | None
    other_id: str = ""
    other_address: str = ""


class Unreadable(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a carrier sent as a receipt and nobody can read: its bytes, and why."""

    raw: bytes
    why: str


OnResult = Callable[[list[Result]], None]
Acknowledge = Callable[[], None]
OnReceipts = Callable[[list[Receipt], Acknowledge], None]
OnUnreadable = Callable[[Unreadable, Acknowledge], None]
OnRoom = Callable[[], None]


class Carrier(Protocol):
    """A carrier connection. All calls and callbacks happen on one event loop; no callback comes out of `send`
    itself."""

    @property
    def connected(self) -> bool:
        """Whether a message sent now would leave."""
        ...

    async def open(self) -> None:
        """Start connecting and return; `on_room` tells when there is room. Raises only for settings that can never
        work."""
        ...

    def send(self, submits: Sequence[Submit], on_result: OnResult) -> None:
        """Send now, without blocking. A message beyond `room()` is answered `NotSent`."""
        ...

    def room(self) -> int:
        """How many more messages may be in flight now. A message takes one slot, its parts following each other in
        it."""
        ...

    async def resize(self, window: int, binds: int) -> None:
        """From now on so many messages in flight a connection, over so many connections. A smaller window lets what is
        in flight run out; of connections too many those without a bind go first, the others after their answers, and
        this returns when they are gone. New ones are only begun. Raises ValueError for numbers that can never work."""
        ...

    def seen(self) -> Mapping[str, int]:
        """What its connections saw besides results and receipts, by kind; only ever counted up."""
        ...

    def stored_id(self, carrier_id: str) -> str:
        """The form in which an id of `Accepted.ids` is to be remembered for the search by receipts."""
        ...

    def lookup_ids(self, receipt_id: str) -> tuple[str, ...]:
        """The remembered forms that a receipt's id may stand for, the likeliest first."""
        ...

    async def close(self) -> None:
        """Wait a bounded time for answers, take leave, disconnect. What is still open by then is answered `Unknown`."""
        ...


class CarrierCallbacks(msgspec.Struct, frozen=True, kw_only=True):
    """What a carrier calls back. Receipts are confirmed to the carrier only when the `Acknowledge` they came with is
    called: after they are safe. An `Acknowledge` of a lost connection does nothing; the carrier then repeats those
    receipts. What cannot be read is handed over the same way, and confirmed when its bytes are safe: a repeat would be as
    unreadable."""

    on_receipts: OnReceipts
    on_room: OnRoom
    on_unreadable: OnUnreadable
