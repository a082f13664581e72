"""A block at a time or one by one: the same verdicts, totals and chunks, however the lines are divided into blocks."""

from __future__ import annotations

import asyncio
import io
import json
from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.carrier_routes import Routes, bucket_of
from gateway.http.loop_scheduler import LoopScheduler
from gateway.http.problem import Fault
from gateway.http.texts import DETAIL, explain, require_text
from gateway.recipients.lines import Entries, read_recipients
from gateway.screening import chunker
from gateway.screening.chunker import Chunker, ChunkPlan
from gateway.screening.screening import Screening, screen_all
from gateway.screening.types import Recipient, RecipientColumns
from infra.security.keyring import Keyring
from infra.security.sealing import Sealer
from schemas.records.slice import MAX_CHUNK
from schemas.values.ids import CampaignId
from schemas.values.phone.number import PhoneError, normalise
from schemas.values.template import MissingVariable, compile_template
from schemas.values.text import GSM7_BASIC, TextError, count_segments, smart

SEALER = Sealer(Keyring("k1", {"k1": bytes(32)}))
ROUTES = Routes([("+49", ["near"], 700), ("+49152", ["other"], 650), ("+1", ["far"], 100), ("+44", ["isle"], 300)])
MAX_WEIGHT = 2_000
PLAIN = st.integers(0, 60).map(lambda n: f"+4915112345{n:03d}") | st.integers(0, 9999).map(lambda n: f"+1202555{n:04d}")
ODD = st.sampled_from(
    [
        "+49 151 12345001",
        "004915112345002",
        "+4915212345678",
        "+447400123456",
        "+44 (0)20 7946 0958",
        "",
        "+",
        "+1",
        "+49",
        "++4915112345001",
        "4915112345001",
        "+49151_12345001",
        "+4915112345_01",
        "+491511234500\n",
        "+4915112345 01",
        " +4915112345001",
        "+4915112345001\n",
        "+٤٩١٥١١٢٣٤٥٠٠١",
        "\0",
        "+33612345678",
        "+999123456789",
        "+" + "1" * 5000,
        "+49301234567890123",
        "+49301234567890124",
    ]
)
VALUE = st.sampled_from(["Ann", "Lee", "x" * 100, "x" * 170, "é", "Zoë", "€", "’", "Ж" * 80, "😀", "%s", "{{a}}", "", "\0"])
BODIES = st.sampled_from(["Hello", "Hi {{a}}", "{{b}} {{a}}{{a}} 100%", "Ж {{a}}", "{ {{b}}", "{{a}}" * 80])


def line(to: str, variables: dict[str, str], ref: str | None) -> bytes:
    return json.dumps({"to": to, "variables": variables} | ({"client_ref": ref} if ref else {})).encode()


EASY = st.builds(line, PLAIN, st.just({"a": "Ann", "b": "Lee"}), st.none())
HARD = st.one_of(
    st.builds(line, PLAIN | ODD, st.dictionaries(st.sampled_from("abc"), VALUE), st.sampled_from([None, None, "r", "\0"])),
    st.sampled_from([b"", b"x", b"[]", b'{"to": 1}', b'{"to": "\\ud800"}', b'{"to": "+1"}{"to": "+2"}', b"\xff"]),
)
LINES = st.lists(EASY, max_size=60) | st.lists(EASY | EASY | EASY | HARD, max_size=60) | st.lists(HARD, max_size=30)


@dataclass
class Made:
    """What comes of lines: verdicts, chunks as indexes with their columns, and sums."""

    rejected: list[tuple[int, str, str, str]] = field(default_factory=list)
    chunks: list[tuple[list[int], list[int], dict[str, list[str]], list[str | None] | None]] = field(default_factory=list)
    accepted: int = 0
    segments: int = 0
    price: int = 0
    longest: int = 0
    alphabet: str = "gsm7"


class OneByOne:
    """The rules, spelled out for one recipient after the other."""

    def __init__(self, body: str, replace: bool) -> None:
        self.made, self.template, self.replace = Made(), compile_template(body), replace
        self.seen: set[int] = set()
        self.groups: dict[int, list[tuple[int, int, Recipient, int]]] = defaultdict(list)
        if not self.template.names:
            self.made.alphabet, self.made.longest = self.measure(body)

    def take(self, index: int, entry: Recipient | Fault) -> None:
        fault = entry if isinstance(entry, Fault) else self.fault_of(index, entry)
        if fault is not None:
            self.made.rejected.append((index, fault.pointer, fault.code, fault.detail))

    def fault_of(self, index: int, recipient: Recipient) -> Fault | None:
        try:
            number = normalise(recipient.to)
        except PhoneError as cause:
            return Fault(pointer="/to", code=cause.code, detail=cause.detail)
        way = ROUTES.way_of(number)
        if way is None:
            return Fault(pointer="/to", code="no_route", detail="no route leads to this destination")
        try:
            text = self.template.render(recipient.variables)
            alphabet, segments = self.measure(text)
        except (MissingVariable, TextError) as cause:
            return explain(self.template, recipient.variables, cause)
        ref = recipient.client_ref or ""
        if "\0" in ref:
            return Fault(pointer="/client_ref", code="bad_text", detail=DETAIL)
        if number in self.seen:
            return Fault(pointer="/to", code="duplicate", detail="the same destination stands further up")
        self.seen.add(number)
        self.made.accepted, self.made.segments = self.made.accepted + 1, self.made.segments + segments
        self.made.price += segments * way.price
        self.made.longest, self.made.alphabet = max((self.made.longest, self.made.alphabet), (segments, alphabet))
        self.keep(index, number, recipient, (len(text) if self.template.names else 0) + len(ref))
        return None

    def measure(self, text: str) -> tuple[str, int]:
        require_text(text)
        return count_segments(smart(text) if self.replace else text)

    def keep(self, index: int, number: int, recipient: Recipient, weight: int) -> None:
        group = self.groups[bucket_of(str(number))]
        group.append((index, number, recipient, weight))
        if len(group) == MAX_CHUNK or sum(row[3] for row in group) > MAX_WEIGHT:
            self.cut(group)
            group.clear()

    def finish(self) -> Made:
        left: list[tuple[int, int, Recipient, int]] = []
        for _, group in sorted(self.groups.items()):
            if left and (len(left + group) > MAX_CHUNK or sum(row[3] for row in left + group) > MAX_WEIGHT):
                self.cut(left)
                left = []
            left = left + group
        if left:
            self.cut(left)
        return self.made

    def cut(self, rows: list[tuple[int, int, Recipient, int]]) -> None:
        refs = [row[2].client_ref for row in rows]
        self.made.chunks.append(
            (
                [row[0] for row in rows],
                [row[1] for row in rows],
                {name: [row[2].variables[name] for row in rows] for name in self.template.names},
                refs if any(refs) else None,
            )
        )


def blocks_of(entries: Entries, size: int) -> Iterator[Entries]:
    for first in range(0, len(entries), size):
        yield entries[first : first + size]


def screened(entries: Entries, body: str, replace: bool, size: int) -> Made:
    made = Made()
    cut = Chunker(
        ChunkPlan(
            tenant="0b7c1d52-5f0f-4b3e-9d38-0d9a1a3f7c11",
            campaign=CampaignId("cmp_" + "0" * 26),
            part=2,
            lane="marketing",
            sender="Shop",
            body=body,
            smart=replace,
            version=1,
            accepted_at=5,
            expires_at=9,
            profile=None,
            names=compile_template(body).names,
        ),
        SEALER,
    )
    screening = Screening(
        body, replace, ROUTES, cut.append, lambda one: made.rejected.append((one.index, one.pointer, one.code, one.detail))
    )
    index = 0
    for block in blocks_of(entries, size):
        screening.screen(index, block)
        index += len(block)
    cut.finish()
    for number, chunk in enumerate(cut.pop_finished()):
        assert chunk.chunk.endswith(f"_2_{number}")
        columns = SEALER.open(chunk)
        made.chunks.append((list(array("I", chunk.indexes)), list(array("Q", columns.to)), columns.variables, columns.refs))  # type: ignore[arg-type]
    totals = screening.totals
    assert totals.rejected == len(made.rejected)
    made.accepted, made.segments, made.price = totals.accepted, totals.segments, totals.price
    made.longest, made.alphabet = totals.longest, totals.encoding
    return made


@settings(deadline=None)
@given(lines=LINES, body=BODIES, replace=st.booleans(), size=st.sampled_from([1, 2, 7, 100]))
def test_blocks_are_screened_as_recipients_one_by_one(lines: list[bytes], body: str, replace: bool, size: int) -> None:
    entries = [entry for block in read_recipients(io.BytesIO(b"\n".join(lines))) for entry in block]
    rules = OneByOne(body, replace)
    for index, entry in enumerate(entries):
        rules.take(index, entry)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunker, "MAX_WEIGHT", MAX_WEIGHT)
        assert screened(entries, body, replace, size) == rules.finish()


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(PLAIN | ODD, VALUE, VALUE, st.sampled_from(["r", "q", "\0"])), min_size=1, max_size=60),
    with_refs=st.booleans(),
    body=BODIES,
    replace=st.booleans(),
    size=st.sampled_from([1, 2, 7, 100]),
)
def test_columns_are_screened_as_recipients_one_by_one(
    rows: list[tuple[str, str, str, str]], with_refs: bool, body: str, replace: bool, size: int
) -> None:
    to, a, b, refs = map(list, zip(*rows, strict=True))
    columns, rules = RecipientColumns(to, {"a": a, "b": b}, refs if with_refs else None), OneByOne(body, replace)
    for index, recipient in enumerate(columns):
        rules.take(index, recipient)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunker, "MAX_WEIGHT", MAX_WEIGHT)
        assert screened(columns, body, replace, size) == rules.finish()


def test_the_longest_text_is_one_that_is_sent() -> None:
    entries: Entries = [
        Recipient(to="+4915112345001", variables={"a": "Ann"}),
        Recipient(to="+4915112345001", variables={"a": "Ж" * 500}),
        Recipient(to="+4915112345002", variables={"a": "x" * 161}),
        Recipient(to="+4915112345003", variables={"a": "Ж" * 500}, client_ref="\0"),
    ]
    made = screened(entries, "Hi {{a}}", False, 100)
    assert (made.longest, made.alphabet, made.accepted, len(made.rejected)) == (2, "gsm7", 2, 2)


async def test_others_have_their_turn_while_the_recipients_of_a_request_are_screened() -> None:
    screening = Screening("Hello", False, ROUTES, lambda *_: None, lambda _: None)
    screened_so_far: list[int] = []

    async def look_on() -> None:
        while screening.totals.accepted < 1000:
            screened_so_far.append(screening.totals.accepted)
            await asyncio.sleep(0)

    steps = screen_all(screening, [Recipient(to=f"+4915112{n:06d}") for n in range(1000)], 1)
    await asyncio.gather(LoopScheduler(count().__next__).run(steps, "t"), look_on())
    assert screening.totals.accepted == 1000 and len(set(screened_so_far)) > 4


@pytest.mark.parametrize("size", [1, 110, 499, 500, 5000])
def test_chunks_are_numbered_in_the_order_of_their_last_recipients(size: int) -> None:
    entries: Entries = [Recipient(to=f"+4915112{n:06d}" if n % 3 else f"+1202555{n:04d}") for n in range(4000)]
    rules = OneByOne("Hello", False)
    for index, entry in enumerate(entries):
        rules.take(index, entry)
    made = screened(entries, "Hello", False, size)
    assert made == rules.finish() and len(made.chunks) == 8 and made.accepted == 4000


def test_plain_characters_are_the_same_when_look_alikes_are_replaced() -> None:
    plain = GSM7_BASIC.replace("\x1b", "")
    assert smart(plain) == plain and count_segments(plain) == ("gsm7", 1)
    assert all(len(char) == 1 and count_segments(char * 160) == ("gsm7", 1) for char in plain)
