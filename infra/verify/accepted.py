"""The ledger of what was accepted: every chunk that the gateway wrote, from the log itself.

In: `ingest-<lane>` (records with `x-from: gateway`) and, where the log no longer goes back so far, `chunk_payloads`.
Out: size, campaign, part and message ids of each chunk. A chunk of a campaign counts once its part is listed: that
happens in the transaction before the 202. Memory: about 5 bytes a message.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from infra.kafka.records import ConsumerRecord
from schemas.records.codec import DecodeError, decode_as
from schemas.records.slice import ResumeAt, Slice
from schemas.records.wire import Envelope
from schemas.values.ids import message_id_at
from schemas.values.positions import places

Key = tuple[str, str]
PartKey = tuple[str, str, int]
GATEWAY = ("x-from", b"gateway")


@dataclass(frozen=True, slots=True)
class AcceptedChunk:
    """One chunk. `indexes`: packed uint32 in the order of the positions."""

    tenant: str
    chunk: str
    campaign: str | None
    part: int
    size: int
    lane: str
    accepted_at: int
    indexes: bytes

    def message_ids(self, positions: int) -> list[str]:
        """The ids of the messages at these positions."""
        index = array("I", self.indexes)
        return [message_id_at(self.campaign, self.chunk, self.part, index[p]) for p in places(positions) if p < len(index)]


class Ledger:
    """Chunks by (tenant, chunk), and which parts of campaigns are listed."""

    def __init__(self, listed: Iterable[tuple[str, str, int, int]]) -> None:
        self.chunks: dict[Key, AcceptedChunk] = {}
        self.listed: dict[PartKey, int] = {(t, c, p): recipients for t, c, p, recipients in listed}
        self.received: dict[PartKey, int] = {}
        self.listed_later: set[PartKey] = set()

    def read(self, entry: ConsumerRecord) -> None:
        """One record of an ingest topic; what does not come from the gateway, or is poison, is passed over."""
        if GATEWAY not in entry.headers:
            return
        try:
            slices = decode_as(entry.value, Envelope).slices
        except DecodeError:
            return
        for s in slices:
            if s.resume_at == ResumeAt.PARTITION and s.send == 1:
                self.add_chunk(_chunk(s))

    def add_chunk(self, chunk: AcceptedChunk) -> None:
        """One chunk; a repeat changes nothing."""
        key = (chunk.tenant, chunk.chunk)
        if key in self.chunks:
            return
        self.chunks[key] = chunk
        if chunk.campaign is not None:
            part = (chunk.tenant, chunk.campaign, chunk.part)
            self.received[part] = self.received.get(part, 0) + chunk.size

    def counts(self, chunk: AcceptedChunk) -> bool:
        """Whether its 202 can have been answered."""
        return chunk.campaign is None or (chunk.tenant, chunk.campaign, chunk.part) in self.listed

    def known(self, chunk: AcceptedChunk) -> bool:
        """As `counts`, also when it was listed while the logs were read."""
        return self.counts(chunk) or (chunk.tenant, chunk.campaign or "", chunk.part) in self.listed_later


def _chunk(s: Slice) -> AcceptedChunk:
    return AcceptedChunk(s.tenant, s.chunk, s.campaign, s.part, s.size, s.lane, s.accepted_at, s.indexes)
