"""Segments of recipients' texts, and characters of their own, for a block of recipients at a time.

Enters: recipients. Leaves: for each of them segments, alphabet and weight, and the values of the variables as columns; a
fault for each whose text cannot be sent. A text whose characters all take one septet is counted by its length alone,
without being rendered, as most are; others are rendered and counted one by one, with a turn for everybody else after so
many characters. A text is looked at only when its length says that it can be sent. A body without placeholders is counted
once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence

from gateway.http.fields import MAX_BODY_TEXT, Encoding
from gateway.http.problem import Fault
from gateway.http.texts import explain, require_text
from gateway.screening.types import Recipient, variable_columns
from schemas.values.plain_text import PlainTexts
from schemas.values.template import MissingVariable, Template, compile_template
from schemas.values.text import MAX_SEGMENTS, TextError, count_segments, smart

TURN_CHARACTERS = 10_000
"""Characters that are rendered and counted between two turns of everybody else: a millisecond, where each must be looked
up, and mostly a tenth of that. One text is never cut: the longest takes four."""
_PLACEHOLDER_CHARACTERS = 8
"""What a placeholder takes to be filled, as characters."""
_TOO_LONG = f"the text has more than {MAX_SEGMENTS} segments"

Measures = tuple[list[int], list[Encoding], list[int], list[list[str]]]
"""Segments, alphabets, weights, and the columns of values."""


class SegmentCounter:
    """The texts of one body. `fixed`: alphabet and segments of all of them, where the body has no placeholders."""

    def __init__(self, body: str, smart_encoding: bool) -> None:
        self._template = compile_template(body)
        self._smart = smart_encoding
        self._uses = Counter(self._template.names)
        self.names = tuple(self._uses)
        literals = "".join(self._template.literals)
        self._own = len(literals)
        self._filling = _PLACEHOLDER_CHARACTERS * len(self._template.names)
        # Replacing goes by characters, so the literals need it once, and each value once.
        self._form = (
            Template(literals=tuple(map(smart, self._template.literals)), names=self._template.names)
            if smart_encoding
            else self._template
        )
        self._plain = PlainTexts(body)
        self.fixed = None if self.names else self._count(literals)

    def count_all(self, recipients: Sequence[Recipient], faults: dict[int, Fault]) -> Generator[None, None, Measures]:
        """Count these recipients' texts; where there is a fault, by rank, what is said of it counts for nothing."""
        if self.fixed is not None:
            encoding, segments = self.fixed
            return [segments] * len(recipients), [encoding] * len(recipients), [0] * len(recipients), []
        return self._by_length(recipients) or (yield from self._one_by_one(recipients, faults))

    def _by_length(self, recipients: Sequence[Recipient]) -> Measures | None:
        """None when a value is missing, or a text is not plain or too long."""
        try:
            values = variable_columns(recipients, self.names)
        except KeyError:
            return None
        counted = self._plain.count(values)
        return None if counted is None else (counted[0], ["gsm7"] * len(recipients), counted[1], values)

    def _one_by_one(self, recipients: Sequence[Recipient], faults: dict[int, Fault]) -> Generator[None, None, Measures]:
        counted: list[tuple[Encoding, int]] = []
        weights = []
        spent = 0
        for rank, recipient in enumerate(recipients):
            if spent > TURN_CHARACTERS:
                spent = 0
                yield
            try:
                length = self._length_of(recipient.variables)
                spent += length + self._filling
                counted.append(self._count_one(recipient.variables, length))
                weights.append(length)
            except (MissingVariable, TextError) as cause:
                faults[rank] = explain(self._template, recipient.variables, cause)
                counted.append(("gsm7", 0))
                weights.append(0)
        encodings, segments = map(list, zip(*counted, strict=True))
        return segments, encodings, weights, [[one.variables.get(name, "") for one in recipients] for name in self.names]

    def _length_of(self, variables: Mapping[str, str]) -> int:
        """Characters of the text, before look-alikes are replaced."""
        try:
            return self._own + sum(len(variables[name]) * uses for name, uses in self._uses.items())
        except KeyError:
            raise MissingVariable(next(name for name in self.names if name not in variables)) from None

    def _count_one(self, variables: Mapping[str, str], length: int) -> tuple[Encoding, int]:
        if length > MAX_BODY_TEXT:
            for name in self.names:
                require_text(variables[name])
            raise TextError("too_long", _TOO_LONG)
        if self._smart:
            variables = {name: smart(variables[name]) for name in self.names}
        text = self._form.render(variables)
        require_text(text)
        return count_segments(text)

    def _count(self, text: str) -> tuple[Encoding, int]:
        require_text(text)
        return count_segments(smart(text) if self._smart else text)
