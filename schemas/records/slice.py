"""The slice: some positions of one chunk under one send number. Everything that moves between stages is made of slices.

Nothing enters; typed values leave. A slice whose sizes and columns disagree is refused by `check_slice`, so that poison is
found where it enters. How columns are packed stands in `records.py`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

import msgspec

from schemas.values.lanes import Lane
from schemas.values.status import MAX_SEND

_LANES = frozenset(Lane)
_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MAX_CHUNK = 500
MAX_NAME = 128
"""Characters of a chunk's or a campaign's id; ours are far below."""


ENVELOPE_BYTES = 500_000
"""How much of slices goes into one record: Kafka refuses records of more than a megabyte, and whole."""


class RecordError(ValueError):
    """A record whose fields contradict each other; the message names the field."""


class ResumeAt(StrEnum):
    """Whether intake has had these positions before: `partition` on a chunk as the gateway cut it, or as a draft is started,
    `route` on what intake has counted and priced. Intake runs all its steps on both; who counts what was accepted, or keeps
    chunks, looks at fresh ones alone."""

    PARTITION = "partition"
    ROUTE = "route"


class Slice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Some positions of one chunk under one send number, with the columns of exactly these positions.

    A chunk as the gateway cuts it is the slice with all positions and send number 1. `sealed` holds a `Columns`
    (destinations, variables, client references), readable with the key named by `key_id`; it is empty where a record
    only speaks of positions. `carrier`, `price` (per segment) and `segments` are filled by intake. `holds`: how often
    these positions have left the waiting room under this send number (the releaser adds one); it is the `hold` of the
    next `Held`, so that a second wait is a row of its own and a repeated record is not. `closes_at`: from
    then on its hours are over for now; 0: any hour will do. `round` counts retries that are paid for anew, `price_class`
    which of the slice's prices these positions have. `profile`: the campaign profile it is sent under, if any. `channel`,
    `media`, `callback_url` and `template` leave room: nobody gives anything but their defaults yet.
    """

    tenant: str
    campaign: str | None
    chunk: str
    part: int
    size: int
    lane: str
    send: int
    positions: int
    round: int = 0
    price_class: int = 0
    attempts: int = 0
    holds: int = 0
    version: int = 0
    resume_at: str = ResumeAt.PARTITION
    sender: str
    body: str
    smart: bool = False
    accepted_at: int
    due_at: int
    expires_at: int
    closes_at: int = 0
    first_failed_at: int | None = None
    grouping: int = 0
    digest: bytes | None = None
    indexes: bytes
    key_id: str
    sealed: bytes
    carrier: str | None = None
    price: int = 0
    lease: str | None = None
    segments: bytes = b""
    channel: str = "sms"
    media: str | None = None
    profile: str | None = None
    callback_url: str | None = None
    template: str | None = None

    @property
    def count(self) -> int:
        """Number of messages this slice speaks of."""
        return self.positions.bit_count()

    @property
    def weight(self) -> int:
        """About how many bytes it takes in a record."""
        return len(self.sealed) + len(self.indexes) + len(self.body) + 600


class Columns(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What identifies people, one entry per position of the slice; sealed as one block.

    `to`: packed uint64, E.164 digits as a number. `variables`: by name, one string or None (missing) per position.
    A single message has one, `text`: all of its text. `refs`: the client references, or None when nobody has one.
    """

    to: bytes
    variables: dict[str, list[str | None]] = {}
    refs: list[str | None] | None = None


def check_names(tenant: str, campaign: str | None, chunk: str) -> None:
    """Raise RecordError unless these can be keys: in PostgreSQL, where another spelling of a tenant is the same row, and in
    its indexes. To be called where a record about a chunk enters a process."""
    if not _is_canonical(tenant):
        raise RecordError(f"tenant: {tenant[:40]!r} is no UUID in its canonical form")
    if not _is_name(chunk) or not (campaign is None or _is_name(campaign)):
        raise RecordError(f"chunk, campaign: {chunk[:40]!r}, {(campaign or '')[:40]!r} are not short printable ASCII")


def check_profile(profile: str | None) -> None:
    """Raise RecordError unless this can be the name of a profile."""
    if profile is not None and not _is_name(profile):
        raise RecordError(f"profile: {profile[:40]!r} is no short printable ASCII")


@lru_cache(maxsize=4096)
def _is_canonical(tenant: str) -> bool:
    return _UUID.fullmatch(tenant) is not None


def _is_name(name: str) -> bool:
    return 0 < len(name) <= MAX_NAME and name.isascii() and name.isprintable()


def check_positions(size: int, positions: int) -> None:
    """Raise RecordError unless these are positions of a chunk of this size."""
    if not 1 <= size <= MAX_CHUNK:
        raise RecordError(f"size: {size} is not within 1..{MAX_CHUNK}")
    if positions <= 0 or positions >> size:
        raise RecordError("positions: empty, or beyond the chunk's size")


def check_slice(slice_: Slice) -> None:
    """Raise RecordError unless names can be keys, sizes and columns agree; to be called where a slice enters a process."""
    check_names(slice_.tenant, slice_.campaign, slice_.chunk)
    check_positions(slice_.size, slice_.positions)
    if not 1 <= slice_.send <= MAX_SEND:
        raise RecordError(f"send: {slice_.send} is not within 1..{MAX_SEND}")
    check_profile(slice_.profile)
    if slice_.lane not in _LANES:
        raise RecordError("lane: not one of ours")
    if len(slice_.indexes) != 4 * slice_.count:
        raise RecordError("indexes: length differs from the number of positions")
    if slice_.segments and len(slice_.segments) != slice_.count:
        raise RecordError("segments: length differs from the number of positions")
