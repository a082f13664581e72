"""A preview as clients get it. Amounts are decimal strings with four places, in the currency of the installation."""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.http.fields import Encoding
from gateway.screening.types import Rejection


class RouteShare(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the recipients this carrier would get."""

    carrier: str
    recipients: int


class TextSample(msgspec.Struct, frozen=True, kw_only=True):
    """A text as its recipient would read it."""

    to: str
    text: str
    segments: int


class PreviewWarning(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender would want to know before sending; `code` is stable, `detail` is for people."""

    code: Literal["odd_placeholder", "unknown_variable", "forces_ucs2", "many_segments", "max_price_exceeded"]
    detail: str


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign would come to; `segments` of the longest text. `samples`: the first texts, the longest, and one that
    a recipient's own value makes UCS-2. `rejected`: of a file the first hundred of `rejected_count`."""

    recipients: int
    encoding: Encoding
    segments: int
    total_segments: int
    price: str
    currency: str
    routes: list[RouteShare]
    samples: list[TextSample]
    warnings: list[PreviewWarning]
    rejected_count: int
    rejected: list[Rejection]
