"""A batch of records in Kafka's own format (version 2), ready to be sent: what `aiokafka` takes as a builder.

In: bodies of records (`schemas.records.kafka_format.record_body`), a time, a codec as Kafka's setting of topics names it.
Out: the bytes of the batch once the producer has said who it is and where the batch stands (`_set_producer_state`, `_build`:
the names that the pinned client calls; a component test reads back what comes of it). All records have one time. Wrong:
KeyError for a codec that Kafka does not know.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import cramjam
from aiokafka.codec import snappy_encode, zstd_encode
from aiokafka.record.util import calc_crc32c

from infra.kafka.joined_records import join_records

_CHECKED = struct.Struct(">hiqqqhii")
_HEAD = struct.Struct(">qiibI")
_VERSION = 2
_NO_LEADER_EPOCH = -1
_BEHIND_LENGTH = 9
HEADER_BYTES = _HEAD.size + _CHECKED.size
PER_RECORD_BYTES = 16
"""At most: length, attributes, time and offset of a record."""


def _gzip(body: bytes) -> bytes:
    # The lowest level: six, the default, costs twice as much for a tenth less.
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    return deflate.compress(body) + deflate.flush()


def _lz4(body: bytes) -> bytes:
    """A frame of one block of at most 4 MB that depends on no other: brokers read no others."""
    block = bytes(cramjam.lz4.compress_block(body, mode="fast", acceleration=1, store_size=False))
    return b"\x04\x22\x4d\x18\x60\x70\x73" + len(block).to_bytes(4, "little") + block + b"\0\0\0\0"


_CODECS: Mapping[str, tuple[int, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        "uncompressed": (0, bytes),
        "gzip": (1, _gzip),
        "snappy": (2, snappy_encode),
        "lz4": (3, _lz4),
        "producer": (3, _lz4),
        "zstd": (4, zstd_encode),
    }
)


class RecordBatch:
    """Some records, in order; at least one."""

    __slots__ = ("_attributes", "_built", "_count", "_now", "_owner", "_records")

    def __init__(self, bodies: Sequence[bytes], now: int, codec: str) -> None:
        self._attributes, compress = _CODECS[codec]
        self._records = compress(join_records(bodies))
        self._count = len(bodies)
        self._now = now
        self._owner = (-1, -1, -1)
        self._built: bytes | None = None

    def record_count(self) -> int:
        """How many records it has."""
        return self._count

    def size(self) -> int:
        """Its bytes."""
        return HEADER_BYTES + len(self._records)

    def closed(self) -> bool:
        """It takes no more records."""
        return True

    def close(self) -> None:
        """It is closed from the beginning."""

    def append(self, **_: object) -> None:
        """None: it takes no more records."""

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self._owner = (producer_id, producer_epoch, base_sequence)

    def _build(self) -> bytes:
        """The same bytes on every try."""
        if self._built is None:
            last = self._count - 1
            checked = _CHECKED.pack(self._attributes, last, self._now, self._now, *self._owner, self._count) + self._records
            length = _BEHIND_LENGTH + len(checked)
            self._built = _HEAD.pack(0, length, _NO_LEADER_EPOCH, _VERSION, calc_crc32c(checked)) + checked
        return self._built


def cut(bodies: Sequence[bytes], most: int) -> Iterator[Sequence[bytes]]:
    """The records in order, in parts that make batches of at most so many bytes; a record that is larger is a part alone."""
    begin, size = 0, HEADER_BYTES
    for place, length in enumerate(map(len, bodies)):
        size += length + PER_RECORD_BYTES
        if size > most and place > begin:
            yield bodies[begin:place]
            begin, size = place, HEADER_BYTES + length + PER_RECORD_BYTES
    if begin < len(bodies):
        yield bodies[begin:]
