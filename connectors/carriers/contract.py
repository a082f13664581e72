"""What dispatch may ask of any carrier, whatever its protocol. It speaks of messages; alphabets, segments' octets and
connections are matters of the kind.

In: `Submit` records, one a message. Out: exactly one `Result` a message, handed over in batches, and `Receipt` records as
the carrier reports them. Nothing here raises for what a carrier does; everything that can go wrong with one message is a
kind of result:

    Accepted   every segment asked for was taken; `ids` holds one carrier id a segment, in order
    Refused    the carrier said no to a segment; `klass` says whether asking again can help
    Throttled  the carrier said "not now"; nothing of this segment was taken, no attempt is counted
    Unknown    bytes of a segment were handed to the network and no answer came: the carrier may have it. While the
               connection stands the answer may still come: then one more result follows for the same `ref`, Accepted,
               Refused or Throttled, that speaks of that segment alone (`ids`: its id, if it was taken). After `lost`
               none can
    NotSent    no byte of the segment that was next has left: certain, so it may go again
    Unfit      no message of this kind can carry that text; nothing has left

Segments (called parts) of one message are sent one after the other, each after the answer of the one before, so
`sent_parts` is always a prefix: counted from the first segment of the message, `first_part` included. `ids` speaks of this
call's segments alone.

A kind whose settings say `sends_whole` takes a message of several segments in one call. It is then asked once a message:
`first_part` and `part_count` are 0. Its results speak of the whole message: Accepted has one id, the others neither
`sent_parts` nor `ids`; one receipt settles it. A carrier's rate stays in segments per second: the caller pays for all the
segments of a message before it is sent, so no allowance is exceeded, and the price stays by segments too.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from infra.settings.limits import MOST_BINDS, MOST_WINDOW
from schemas.values.ids import MessageId

FailureClass = Literal["permanent", "transient", "unknown"]
UnfitReason = Literal["too_long", "bad_text"]


class Submit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message to send.

    `ref` is the caller's key and comes back in the result; `message_id` is ours, the same on every repeat, made by `id_of`
    of the `ref` when a kind asks for it (SMPP seldom does). `sender` as the sender wrote it; `destination` E.164 digits
    without '+'. The text is rendered, exactly as it is to be read; `template` and `media` are for kinds that know them.
    `validity_seconds` from now; 0 = the carrier's default.

    A caller that paces segment by segment asks for some at a time. `parts`: how many segments the text was counted (and is
    paid) as; `first_part`: the segments before it were accepted earlier; `part_count`: how many to send in this call, 0 =
    all that are left. A carrier that finds nothing left answers Accepted without ids.
    """

    ref: int
    id_of: Callable[[int], MessageId]
    sender: str
    destination: str
    text: str
    template: str | None = None
    media: str | None = None
    validity_seconds: int = 0
    parts: int = 1
    first_part: int = 0
    part_count: int = 0

    @property
    def message_id(self) -> MessageId:
        return self.id_of(self.ref)


class Accepted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Every segment that was asked for is with the carrier. `ids`: one a segment; one in all when its kind `sends_whole`."""

    ref: int
    ids: tuple[str, ...]


class Refused(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The carrier refused a segment; those before it (`sent_parts`) are with the carrier."""

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
    """The segment after `sent_parts` was handed to the network and not answered. `lost`: the connection is gone."""

    ref: int
    sent_parts: int = 0
    ids: tuple[str, ...] = ()
    lost: bool = False


class NotSent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """No byte of the segment after `sent_parts` has left this process."""

    ref: int
    sent_parts: int = 0
    ids: tuple[str, ...] = ()


class Unfit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The text cannot be carried: more segments than a message may have, or characters that are none."""

    ref: int
    reason: UnfitReason
    sent_parts: int = 0
    ids: tuple[str, ...] = ()


Result = Accepted | Refused | Throttled | Unknown | NotSent | Unfit


class Receipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the carrier reports of one segment; of the message, when its kind `sends_whole`.

    `carrier_message_id` as it stood in the receipt (see `Carrier.lookup_ids`); `other_id` when it names a second one.
    `state`: one of `schemas.values.status.RECEIPT_STATES`. `code` the carrier's error code or ''. `destination`: digits of
    the handset that the receipt speaks of, '' when the carrier does not say; `other_address`: digits of the other
    address, which is the handset's with carriers that do not swap them. `done_at`: seconds since the epoch, as the
    carrier wrote it, read as UTC, or None; `done_text` then is what it wrote, '' if nothing. All text is clean
    (`schemas.values.foreign_text`).
    """

    carrier_message_id: str
    state: str
    code: str
    destination: str
    done_at: float | None
    done_text: str = ""
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

    @property
    def fault(self) -> str | None:
        """Why it is not connected, in the protocol's own terms; None while it is, or while nobody knows."""
        ...

    async def open(self) -> None:
        """Start connecting and return; `on_room` tells when there is room. Raises only for settings that can never
        work."""
        ...

    def send(self, submits: Sequence[Submit], on_result: OnResult) -> None:
        """Send now, without blocking. A message beyond `room()` is answered `NotSent`."""
        ...

    def room(self) -> int:
        """How many more messages may be in flight now. A message takes one slot, its segments following each other
        in it."""
        ...

    async def resize(self, window: int, binds: int) -> None:
        """From now on so many messages in flight a connection, over so many connections. A smaller window lets what is
        in flight run out; of connections too many those without a bind go first, the others after their answers, and
        this returns when they are gone. New ones are only begun. Raises ValueError for numbers that can never work."""
        ...

    def seen(self) -> Mapping[str, int]:
        """What its connections saw besides results and receipts, by kind; only ever counted up."""
        ...

    @property
    def ids_may_clash(self) -> bool:
        """Whether an id may be found that is another message's: then only a receipt that names the handset is believed."""
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


def check_size(window: int, binds: int) -> None:
    """Raises ValueError for a window or a number of connections that can never work."""
    if not 1 <= window <= MOST_WINDOW:
        raise ValueError(f"window {window} is not between 1 and {MOST_WINDOW}")
    if not 1 <= binds <= MOST_BINDS:
        raise ValueError(f"binds {binds} is not between 1 and {MOST_BINDS}")


class CarrierCallbacks(msgspec.Struct, frozen=True, kw_only=True):
    """What a carrier calls back. Receipts are confirmed to the carrier only when the `Acknowledge` they came with is
    called: after they are safe. An `Acknowledge` of a lost connection does nothing; the carrier then repeats those
    receipts. What cannot be read is handed over the same way, and confirmed when its bytes are safe: a repeat would be as
    unreadable."""

    on_receipts: OnReceipts
    on_room: OnRoom
    on_unreadable: OnUnreadable
