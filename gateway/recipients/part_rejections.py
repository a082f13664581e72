"""What was refused of one part of an upload: the first in memory, all of them in a file.

Enters: verdicts. Leaves: the same, again from the beginning. Raises Problem 422 for a part with more than `MAX_REJECTIONS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

import msgspec

from gateway.campaigns.store import SHOWN_REJECTIONS
from gateway.http.problem import refusal
from gateway.screening.types import Rejection

MAX_REJECTIONS = 1_000_000
"""A line of two bytes makes a rejection of a hundred: what a part may leave behind is bounded like the part."""


@dataclass(slots=True)
class PartRejections:
    """`file`: where all of them go; `codes`: how many there are of each."""

    file: IO[bytes]
    first: list[Rejection] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    count: int = 0

    def record(self, rejection: Rejection) -> None:
        self.count += 1
        if self.count > MAX_REJECTIONS:
            raise refusal(
                "",
                "too_many_rejections",
                f"more than {MAX_REJECTIONS} recipients of the part are refused; "
                "nothing of it counts; send what is mended as another part",
            )
        if len(self.first) < SHOWN_REJECTIONS:
            self.first.append(rejection)
        self.codes[rejection.code] = self.codes.get(rejection.code, 0) + 1
        self.file.write(msgspec.json.encode(rejection) + b"\n")

    def __iter__(self) -> Iterator[Rejection]:
        self.file.seek(0)
        decode = msgspec.json.Decoder(Rejection).decode
        return (decode(line) for line in self.file)
