"""Ids: the same input always gets the same ones, from the first hop on, so every repeat is recognised.

Enters: tenant and idempotency key (or time and random bytes), part, index. Leaves: opaque text, at most 64 characters.

    campaign              cmp_<26>                        26 = 128 bits in Crockford's base 32
    its message           msg_<26>_<part>_<index>
    its chunk             chk_<26>_<part>_<number>
    a single message      msg_<26>                        it is its own chunk, under the same id
    singles in one chunk  msg_<26>-<index>                the chunk is chk_<26>

Wrong: IdError for text that is no such id.

The partition of a key stands here too: murmur2 as Kafka's own clients compute it (a port of the reference in Java,
org.apache.kafka.common.utils.Utils.murmur2 and toPositive), so that every program finds a campaign in the same place.
"""

import re
import zlib
from array import array
from dataclasses import dataclass
from hashlib import blake2b
from typing import NewType

TenantId = NewType("TenantId", str)
"""A tenant: a UUID in its usual text form."""
CampaignId = NewType("CampaignId", str)
MessageId = NewType("MessageId", str)
ChunkId = NewType("ChunkId", str)
CarrierId = NewType("CarrierId", str)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MAX_NUMBER = 2**31 - 1
"""The largest part, index or chunk number."""

_PAIRS = tuple(first + second for first in ALPHABET for second in ALPHABET)
_SHIFTS = tuple(range(120, -1, -10))
_ROOT = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
_NUMBER = "(0|[1-9][0-9]{0,9})"
CAMPAIGN_PATTERN = f"^cmp_{_ROOT}$"
MESSAGE_PATTERN = f"^msg_{_ROOT}(_{_NUMBER}_{_NUMBER}|-{_NUMBER})?$"
"""Those of ids as others may check them; numbers beyond `MAX_NUMBER` are none all the same."""
_MESSAGE = re.compile(f"msg_({_ROOT})(?:_{_NUMBER}_{_NUMBER}|-{_NUMBER})?")
_CAMPAIGN = re.compile(f"cmp_({_ROOT})")

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


class IdError(ValueError):
    """Text that is not an id of the expected kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedMessage:
    """What a message id says: whose it is and where it stands.

    A message of a campaign has no `chunk`: its id does not say in which one it is. A single message has its chunk and no
    campaign, part 0, index 0 when it is alone.
    """

    campaign: CampaignId | None
    chunk: ChunkId | None
    part: int
    index: int


def encode_128(value: int) -> str:
    """26 Crockford base-32 characters of a number below 2^128; they sort as the numbers do."""
    return "".join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])


def fresh_id(now_ms: int, random_bytes: bytes) -> str:
    """26 characters from 48 bits of milliseconds since 1970 and 10 random bytes; sorts by time."""
    if len(random_bytes) != 10 or not 0 <= now_ms < 1 << 48:
        raise IdError("a fresh id takes 48 bits of milliseconds and 10 random bytes")
    return encode_128(now_ms << 80 | int.from_bytes(random_bytes, "big"))


def derived_id(tenant: TenantId, idempotency_key: str) -> str:
    """26 characters that this tenant's key always gets."""
    named = f"{tenant}\0{idempotency_key}".encode("utf-8", "surrogatepass")
    return encode_128(int.from_bytes(blake2b(named, digest_size=16, person=b"idempotency-key").digest(), "big"))


def campaign_id(root: str) -> CampaignId:
    """The campaign's id of 26 characters, fresh or derived."""
    return CampaignId("cmp_" + root)


def single_message_id(root: str) -> MessageId:
    """The id of a message outside any campaign, of 26 characters, fresh or derived."""
    return MessageId("msg_" + root)


def shared_chunk_id(root: str) -> ChunkId:
    """The id of a chunk that single messages share, of 26 fresh characters."""
    return ChunkId("chk_" + root)


def message_id_at(campaign: str | None, chunk: str, part: int, index: int) -> MessageId:
    """The id of the message at this index of a chunk: a campaign's, a single one's, or one of singles that share it."""
    if campaign is not None:
        return campaign_message_id(CampaignId(campaign), part, index)
    return MessageId(f"msg_{chunk[4:]}-{index}" if chunk.startswith("chk_") else chunk)


def campaign_message_id(campaign: CampaignId, part: int, index: int) -> MessageId:
    """The id of the message at this index (from 0) of an uploaded part (inline recipients: part 0)."""
    return MessageId(f"msg_{campaign[4:]}_{part}_{index}")


def chunk_id(campaign: CampaignId, part: int, number: int) -> ChunkId:
    """The id of the n-th chunk (from 0) that was cut from this part."""
    return ChunkId(f"chk_{campaign[4:]}_{part}_{number}")


def parse_campaign_id(text: str) -> CampaignId:
    """The id, if the text is one."""
    if _CAMPAIGN.fullmatch(text) is None:
        raise IdError("not a campaign's id")
    return CampaignId(text)


def parse_message_id(text: str) -> ParsedMessage:
    """Campaign, part and index of a message's id."""
    match = _MESSAGE.fullmatch(text)
    if match is None:
        raise IdError("not a message's id")
    root, numbers = match[1], [int(number) for number in match.groups()[1:] if number is not None]
    if any(number > MAX_NUMBER for number in numbers):
        raise IdError("not a message's id")
    match numbers:
        case [part, index]:
            return ParsedMessage(campaign=CampaignId("cmp_" + root), chunk=None, part=part, index=index)
        case [index]:
            return ParsedMessage(campaign=None, chunk=shared_chunk_id(root), part=0, index=index)
        case _:
            return ParsedMessage(campaign=None, chunk=ChunkId(text), part=0, index=0)


def concat_reference(message: MessageId) -> int:
    """The number, 0..255, that ties the segments of this message together; the same on every repeat."""
    return zlib.crc32(message.encode()) & 0xFF


def murmur2(key: bytes) -> int:
    """The 32-bit hash of the key, unsigned."""
    length = len(key)
    whole = length & ~3
    hashed = _SEED ^ length
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * _M & _MASK
        word = (word ^ word >> 24) * _M & _MASK
        hashed = (hashed * _M & _MASK) ^ word
    if length > whole:
        hashed = (hashed ^ int.from_bytes(key[whole:], "little")) * _M & _MASK
    hashed = (hashed ^ hashed >> 13) * _M & _MASK
    return hashed ^ hashed >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of this key, 0..partitions-1."""
    if partitions < 1:
        raise ValueError("a topic has at least one partition")
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def message_ids(campaign: str | None, chunk: str, part: int, indexes: bytes) -> list[bytes]:
    """The ids, as UTF-8, of a chunk's messages at these indexes (packed uint32) of its upload part."""
    if campaign is None and not chunk.startswith("chk_"):
        return [chunk.encode()] * (len(indexes) // 4)
    prefix = (f"msg_{chunk[4:]}-" if campaign is None else f"msg_{campaign[4:]}_{part}_").encode()
    return [b"%s%d" % (prefix, index) for index in array("I", indexes)]
