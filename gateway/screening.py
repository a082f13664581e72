"""Recipients one by one: destination, text, route, duplicate. What passes is priced and put into chunks.

Enters: recipients in their order. Leaves: totals (accepted, segments, price, by carrier) and, through two callbacks, rows
for the cutter and rejections. Inline campaigns, uploads and previews all go through here; about a microsecond a
recipient, so its one loop is written out. A body without placeholders is counted once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.answers import Encoding, Rejection
from gateway.cutting import Row
from gateway.problem import Fault
from gateway.requests import Recipient
from gateway.routing import Routes, Way
from gateway.seen_numbers import SeenNumbers
from gateway.texts import bad_text, explain, require_text
from schemas.phone import PhoneError, normalise
from schemas.template import MissingVariable, Template, compile_template
from schemas.text import TextError, count_segments, smart

Keep = Callable[[int, Row, int], None]
Refuse = Callable[[Rejection], None]


@dataclass(slots=True, kw_only=True)
class Totals:
    """What passed so far. `longest`: segments of the longest text, in `encoding`; prices in ten-thousandths."""

    accepted: int = 0
    rejected: int = 0
    segments: int = 0
    price: int = 0
    cheapest: int | None = None
    longest: int = 0
    encoding: Encoding = "gsm7"
    carriers: Counter[str] = field(default_factory=Counter)


class Screening:
    """The checks of one campaign, part or preview."""

    def __init__(self, body: str, smart_encoding: bool, routes: Routes, keep: Keep, refuse: Refuse) -> None:
        self.totals = Totals()
        self._template: Template = compile_template(body)
        self._smart = smart_encoding
        self._routes = routes
        self._keep = keep
        self._refuse = refuse
        self._seen = SeenNumbers()
        self._fixed = None if self._template.names else self._measure(self._template.literals[0])

    def take(self, first: int, recipients: Sequence[Recipient | Fault]) -> None:
        """Look at these recipients, whose indexes begin at `first`; a Fault is one that could not even be read."""
        ways, digits, seen, keep = self._routes.ways, self._routes.digits, self._seen.add, self._keep
        fixed, totals, tally = self._fixed, self.totals, Counter[tuple[Way, int]]()
        for index, recipient in enumerate(recipients, first):
            try:
                if type(recipient) is Fault:
                    raise _Refused(recipient)
                number = normalise(recipient.to)  # type: ignore[union-attr]
                beginning = str(number)[:digits]
                way = ways[beginning] if beginning in ways else self._routes.find(beginning)
                if way is None:
                    raise _refused("/to", "no_route", "no route leads to this destination")
                ref = recipient.client_ref  # type: ignore[union-attr]
                if fixed is not None:
                    segments, weight = fixed, 0
                else:
                    segments, weight = self._render(recipient)  # type: ignore[arg-type]
                if ref is not None:
                    weight += len(ref)
                    if "\0" in ref:
                        raise _Refused(bad_text("/client_ref"))
                if not seen(number):
                    raise _refused("/to", "duplicate", "the same destination stands further up")
            except PhoneError as fault:
                self._reject(index, Fault(pointer="/to", code=fault.code, detail=fault.detail))
                continue
            except _Refused as fault:
                self._reject(index, fault.fault)
                continue
            tally[way, segments] += 1
            keep(way.bucket, (index, number, recipient.variables, ref), weight)  # type: ignore[union-attr]
        self._count(totals, tally)

    def _render(self, recipient: Recipient) -> tuple[int, int]:
        """Segments and characters of this recipient's text."""
        try:
            text = self._template.render(recipient.variables)
            return self._measure(text), len(text)
        except (MissingVariable, TextError) as cause:
            raise _Refused(explain(self._template, recipient.variables, cause)) from None

    def _measure(self, text: str) -> int:
        require_text(text)
        encoding, segments = count_segments(smart(text) if self._smart else text)
        if segments > self.totals.longest:
            self.totals.longest, self.totals.encoding = segments, encoding
        elif segments == self.totals.longest and encoding == "ucs2":
            self.totals.encoding = encoding
        return segments

    def _reject(self, index: int, fault: Fault) -> None:
        self.totals.rejected += 1
        self._refuse(Rejection(index=index, pointer=fault.pointer, code=fault.code, detail=fault.detail))

    @staticmethod
    def _count(totals: Totals, tally: Counter[tuple[Way, int]]) -> None:
        for (way, segments), number in tally.items():
            price = way.price * segments
            totals.accepted += number
            totals.segments += number * segments
            totals.price += number * price
            totals.carriers[way.carrier] += number
            totals.cheapest = price if totals.cheapest is None else min(totals.cheapest, price)


class _Refused(Exception):
    """One recipient is refused."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.code)
        self.fault = fault


def _refused(pointer: str, code: str, detail: str) -> _Refused:
    return _Refused(Fault(pointer=pointer, code=code, detail=detail))
