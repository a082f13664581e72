"""Recipients, a block at a time: destination and route, text, reference, duplicate. What passes is priced and cut.

Enters: recipients in their order. Leaves: totals (accepted, segments, price, by carrier) and, through two callbacks, rows
for the chunker and rejections, both in order. Inline campaigns, uploads and previews all go through here. Every check goes
over the whole block before the next one begins: it asks one question about all of them where that can be answered, and
looks at them one by one where it cannot. Who fails a check is left out of those that follow, so that the verdict is that
of the first check that fails, as if recipients came one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import cast

from gateway.carrier_routes import Routes, Way
from gateway.http.fields import Encoding
from gateway.http.problem import Fault, refusal
from gateway.http.texts import bad_text
from gateway.screening.chunker import Rows
from gateway.screening.further_faults import DUPLICATE, Refused, further_faults
from gateway.screening.seen_numbers import SeenNumbers
from gateway.screening.segments import SegmentCounter
from gateway.screening.types import (
    Recipient,
    RecipientColumns,
    Rejection,
    client_refs,
    destinations,
    masked,
    value_at,
)
from schemas.values.foreign_text import fit
from schemas.values.phone.number import PhoneError, normalise
from schemas.values.text import TextError

Keep = Callable[[Sequence[int], Rows], None]
"""Buckets and rows."""
Checking = Generator[None, None, dict[int, Fault]]
"""A check in steps; it ends with the faults by rank."""
Refuse = Callable[[Rejection], None]
Show = Callable[[str], str]
"""How a value may be told: in an answer that nobody keeps as it is, else masked."""

POINTER_LENGTH = 300
DETAIL_LENGTH = 500
VALUE_LENGTH = 64
AT_ONCE = 170
"""Recipients between two turns of everybody else, where the body has few placeholders: a fifth of a millisecond."""
VALUES_AT_ONCE = 2_000
"""Values of variables between two turns, one for each recipient and placeholder: a millisecond at most."""
ASKED_AT_ONCE = 25
"""Numbers that are looked at one by one between two turns of everybody else: a millisecond."""
_NOWHERE = Way(carrier="", price=0, bucket=0)
_NO_ROUTE = Fault(pointer="/to", code="no_route", detail="no route leads to this destination")
_DUPLICATE = Fault(pointer="/to", code=DUPLICATE, detail="the same destination stands further up")


@dataclass(slots=True, kw_only=True)
class Totals:
    """What passed so far. `longest`: segments of the longest text among these, in `encoding`; prices in ten-thousandths;
    `characters`: of all texts that were looked at, where they differ."""

    accepted: int = 0
    rejected: int = 0
    segments: int = 0
    price: int = 0
    cheapest: int | None = None
    longest: int = 0
    characters: int = 0
    encoding: Encoding = "gsm7"
    carriers: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class _Block:
    """Those who have passed so far; a column that no check has filled yet is empty."""

    indexes: list[int]
    recipients: Sequence[Recipient]
    numbers: list[int] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)
    segments: list[int] = field(default_factory=list)
    encodings: list[Encoding] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    refs: list[str | None] = field(default_factory=list)
    values: list[list[str]] = field(default_factory=list)

    def leave_out(self, faults: dict[int, Fault]) -> None:
        """Without those at these ranks."""
        passed = [rank not in faults for rank in range(len(self.indexes))]
        self.indexes = list(compress(self.indexes, passed))
        self.recipients = list(compress(self.recipients, passed))
        self.numbers = list(compress(self.numbers, passed))
        self.ways = list(compress(self.ways, passed))
        self.segments = list(compress(self.segments, passed))
        self.encodings = list(compress(self.encodings, passed))
        self.weights = list(compress(self.weights, passed))
        self.refs = list(compress(self.refs, passed))
        self.values = [list(compress(column, passed)) for column in self.values]


class Screening:
    """The checks of one campaign, part or preview."""

    def __init__(
        self, body: str, smart_encoding: bool, routes: Routes, keep: Keep, refuse: Refuse, show: Show = masked
    ) -> None:
        self.totals = Totals()
        self._segments = SegmentCounter(body, smart_encoding)
        self._at_once = max(1, min(AT_ONCE, VALUES_AT_ONCE // (len(self._segments.names) or 1)))
        self._routes = routes
        self._keep = keep
        self._refuse = refuse
        self._show = show
        self._seen = SeenNumbers()
        if self._segments.fixed is not None:
            self.totals.encoding, self.totals.longest = self._segments.fixed

    def screen(self, first: int, recipients: Sequence[Recipient | Fault]) -> None:
        """All steps at once."""
        for _ in self.steps(first, recipients):
            pass

    def steps(self, first: int, recipients: Sequence[Recipient | Fault]) -> Iterator[None]:
        """Look at these recipients, whose indexes begin at `first`; a Fault is one that could not even be read. Where their
        texts are long, their variables many or their numbers unusual, others may have their turn after each step."""
        for start in range(0, len(recipients), self._at_once):
            if start:
                yield
            yield from self._screen_block(first + start, recipients[start : start + self._at_once])

    def _screen_block(self, first: int, recipients: Sequence[Recipient | Fault]) -> Iterator[None]:
        refused: dict[int, Fault] = {}
        block = _readable(first, recipients, refused)
        for check in (self._find_ways, self._count_segments, self._check_refs, self._find_repeats):
            if not block.indexes:
                break
            faults = yield from check(block)
            if faults:
                refused.update((block.indexes[rank], fault) for rank, fault in faults.items())
                block.leave_out(faults)
        if refused:
            yield from self._reject_all(first, recipients, refused)
        if block.indexes:
            self._count(block)
            self._keep(
                [way.bucket for way in block.ways],
                Rows(
                    indexes=block.indexes, numbers=block.numbers, refs=block.refs, weights=block.weights, values=block.values
                ),
            )

    def _find_ways(self, block: _Block) -> Checking:
        texts = destinations(block.recipients)
        plain = self._routes.plain_ways(texts)
        if plain is not None:
            block.numbers, block.ways = plain
            return {}
        faults = {}
        for rank, text in enumerate(texts):
            if rank and not rank % ASKED_AT_ONCE:
                yield
            number, way = 0, None
            try:
                number = normalise(text)
                way = self._routes.way_of(number)
                if way is None:
                    faults[rank] = _NO_ROUTE
            except PhoneError as fault:
                faults[rank] = Fault(pointer="/to", code=fault.code, detail=fault.detail)
            block.numbers.append(number)
            block.ways.append(way or _NOWHERE)
        return faults

    def _count_segments(self, block: _Block) -> Checking:
        faults: dict[int, Fault] = {}
        measures = yield from self._segments.count_all(block.recipients, faults)
        block.segments, block.encodings, block.weights, block.values = measures
        self.totals.characters += sum(block.weights)
        return faults

    def _check_refs(self, block: _Block) -> Checking:
        yield from ()
        refs = block.refs = client_refs(block.recipients)
        if not any(refs):
            return {}
        block.weights = [weight + len(ref or "") for weight, ref in zip(block.weights, refs, strict=True)]
        return {rank: bad_text("/client_ref") for rank, ref in enumerate(refs) if ref and "\0" in ref}

    def _find_repeats(self, block: _Block) -> Checking:
        yield from ()
        return dict.fromkeys(self._seen.find_repeats(block.numbers), _DUPLICATE)

    def _reject_all(self, first: int, recipients: Sequence[Recipient | Fault], refused: dict[int, Fault]) -> Iterator[None]:
        known: dict[int, Refused] = {}
        for index in sorted(refused):
            recipient = recipients[index - first]
            if isinstance(recipient, Recipient):
                known[index] = Refused(recipient, refused[index])
        also, characters = yield from further_faults(self._segments, [*known.values()])
        self.totals.characters += characters
        further = dict(zip(known, also, strict=True))
        for index in sorted(refused):
            value = value_at(known[index].recipient, refused[index].pointer) if index in known else None
            self._reject(index, refused[index], value, further.get(index, []))

    def _reject(self, index: int, fault: Fault, value: str | None, also: Sequence[Fault]) -> None:
        self.totals.rejected += 1
        first, *others = map(_fit, (fault, *also))
        self._refuse(
            Rejection(
                index=index,
                pointer=first.pointer,
                code=first.code,
                detail=first.detail,
                value=None if value is None else fit(self._show(value[:VALUE_LENGTH]), VALUE_LENGTH),
                also=others,
            )
        )

    def _count(self, block: _Block) -> None:
        totals = self.totals
        segments, encoding = block.segments[0], block.encodings[0]
        # Mostly all texts take as many segments.
        if block.segments.count(segments) == block.encodings.count(encoding) == len(block.ways):
            alike = {(way, segments, encoding): number for way, number in Counter(block.ways).items()}
        else:
            alike = Counter(zip(block.ways, block.segments, block.encodings, strict=True))
        for (way, segments, encoding), number in alike.items():
            price = way.price * segments
            totals.accepted += number
            totals.segments += number * segments
            totals.price += number * price
            totals.carriers[way.carrier] += number
            totals.cheapest = price if totals.cheapest is None else min(totals.cheapest, price)
            if segments > totals.longest or (segments == totals.longest and encoding == "ucs2"):
                totals.longest, totals.encoding = segments, encoding


def screening_of(body: str, smart: bool, routes: Routes, keep: Keep, refuse: Refuse, show: Show = masked) -> Screening:
    """The screening for this body; 422 when it cannot be sent to anybody."""
    try:
        return Screening(body, smart, routes, keep, refuse, show)
    except TextError as fault:
        raise refusal("/body", fault.code, fault.detail) from None


def screen_all(screening: Screening, recipients: Sequence[Recipient], characters: int) -> Iterator[None]:
    """Look at all recipients of a request; others may have their turn after each step. 422 for more than so many
    `characters` of texts."""
    for first in range(0, len(recipients), AT_ONCE):
        yield from screening.steps(first, recipients[first : first + AT_ONCE])
        if screening.totals.characters > characters:
            raise refusal(
                "/recipients",
                "too_much_text",
                f"the texts of one request have at most {characters} characters "
                "together where they differ; open the campaign and upload the recipients",
            )
        yield


def _fit(fault: Fault) -> Fault:
    """A pointer may hold a name that the client chose: what no table can keep must not take the whole part along."""
    return Fault(pointer=fit(fault.pointer, POINTER_LENGTH), code=fault.code, detail=fit(fault.detail, DETAIL_LENGTH))


def _readable(first: int, recipients: Sequence[Recipient | Fault], refused: dict[int, Fault]) -> _Block:
    """Those that are recipients at all."""
    indexes = list(range(first, first + len(recipients)))
    if not isinstance(recipients, RecipientColumns) and Fault in map(type, recipients):
        refused.update((index, one) for index, one in zip(indexes, recipients, strict=True) if isinstance(one, Fault))
        indexes = [index for index in indexes if index not in refused]
        recipients = [one for one in recipients if not isinstance(one, Fault)]
    return _Block(indexes=indexes, recipients=cast("Sequence[Recipient]", recipients))
