"""Chunks: every recipient once, at most 500, the same from the same input, fit for a record."""

from __future__ import annotations

import random
from array import array

import msgspec

from gateway.carrier_routes import BUCKETS, Routes, bucket_of
from gateway.ingest import MAX_BYTES, envelopes
from gateway.screening.chunker import MAX_WEIGHT, Chunker, ChunkPlan
from gateway.screening.screening import Screening
from gateway.screening.types import Recipient
from infra.security.keyring import Keyring
from infra.security.sealing import Sealer
from schemas.records.codec import encode
from schemas.records.slice import Slice, check_slice
from schemas.records.wire import Envelope
from schemas.values.ids import CampaignId

SEALER = Sealer(Keyring("k1", {"k1": bytes(32)}))
PLAN = ChunkPlan(
    tenant="0b7c1d52-5f0f-4b3e-9d38-0d9a1a3f7c11",
    campaign=CampaignId("cmp_" + "0" * 26),
    part=2,
    lane="marketing",
    sender="Shop",
    body="{{name}}",
    smart=False,
    version=1,
    accepted_at=5,
    expires_at=9,
    profile="night",
    names=("name",),
)


def cut(recipients: list[Recipient], price: int = 700) -> list[Slice]:
    chunker = Chunker(PLAN, SEALER)
    routes = Routes([("", ["all"], price), ("+49", ["near"], 1)])
    screening = Screening(PLAN.body, False, routes, chunker.append, lambda _: None)
    screening.screen(0, recipients)
    chunker.finish()
    chunks = chunker.pop_finished()
    assert chunker.chunks == len(chunks) and not chunker.pop_finished()
    return chunks


def people(count: int, **more: str) -> list[Recipient]:
    chosen = random.Random(3)
    codes = ("+4915112", "+447400", "+33612", "+12025")
    return [
        Recipient(
            to=f"{chosen.choice(codes)}{n:06d}" if n % 3 else f"+4915113{n:06d}",
            variables={"name": more.get("name", f"n{n}"), "unused": "x"},
            client_ref=more.get("ref"),
        )
        for n in range(count)
    ]


def test_every_recipient_is_in_one_chunk_with_its_own_columns() -> None:
    recipients = [
        Recipient(to=f"+4915112{n:06d}", variables={"name": f"n{n}"}, client_ref=None if n else "first") for n in range(1234)
    ]
    found = {}
    for chunk in cut(recipients):
        check_slice(chunk)
        columns = SEALER.open(chunk)
        assert set(columns.variables) == {"name"}
        for rank, index in enumerate(array("I", chunk.indexes)):
            found[index] = (
                f"+{array('Q', columns.to)[rank]}",
                columns.variables["name"][rank],
                columns.refs[rank] if columns.refs else None,
            )
    assert found == {n: (r.to, r.variables["name"], r.client_ref) for n, r in enumerate(recipients)}


def test_the_same_input_gives_the_same_chunks_whatever_routes_cost() -> None:
    def known(chunks: list[Slice]) -> list[object]:
        return [(c.chunk, c.indexes, SEALER.open(c)) for c in chunks]

    first = cut(people(3000))
    assert known(first) == known(cut(people(3000), price=1))
    assert [c.chunk for c in first] == [f"chk_{'0' * 26}_2_{n}" for n in range(len(first))]
    assert all(c.size <= 500 for c in first) and len(first) <= 3000 // 500 + 4


def test_heavy_text_makes_smaller_chunks_that_fit_into_records() -> None:
    chunks = cut(people(600, name="ü" * 9000, ref="é" * 255))
    assert max(c.size for c in chunks) <= MAX_WEIGHT // 9000 + 1
    for group in envelopes(chunks):
        assert len(encode(Envelope(slices=group))) <= MAX_BYTES
    assert sum(len(group) for group in envelopes(chunks)) == len(chunks)


def test_many_small_chunks_share_records_of_at_most_500() -> None:
    small = cut(people(3))[0]
    groups = envelopes([msgspec.structs.replace(small, chunk=f"c{n}") for n in range(1201)])
    assert [len(group) for group in groups] == [500, 500, 201]


def test_buckets_are_bounded_and_never_change() -> None:
    buckets = {bucket_of(f"{first}{second}00") for first in range(1, 10) for second in range(10)}
    assert buckets <= set(range(BUCKETS))
    assert [bucket_of(digits) for digits in ("1202", "7495", "2012", "4915", "9989")] == [0, 1, 22, 51, 39]
