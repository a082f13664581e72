"""Rates within a carrier's rate on the command line: `5`, `SHOP=0.5`, `+4915=0`; `none` takes one away.

In: the texts of `--sender-rate`, `--sender` and `--network`. Out: the changes of a carrier's row. Wrong: `Refusal` that says
how it is written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from infra.runtime.refusal import Refusal
from infra.settings.limits import HIGHEST_RATE
from infra.settings.narrow_rates import network_of, sender_of

NONE = "none"


def read_changes(sender_rate: str | None, senders: Sequence[str], networks: Sequence[str]) -> dict[str, Any]:
    """What of these is given, by the names of a carrier's columns."""
    changes: dict[str, Any] = {}
    if sender_rate is not None:
        rate = _rate("--sender-rate", sender_rate)
        changes |= {"no_sender_rate": True} if rate is None else {"sender_rate": rate}
    if senders:
        changes["sender_rates"] = _rates("--sender", senders, sender_of)
    if networks:
        changes["network_rates"] = _rates("--network", networks, network_of)
    return changes


def _rates(option: str, texts: Sequence[str], name_of: Callable[[str], str]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for text in texts:
        name, equals, rate = text.rpartition("=")
        if not equals:
            raise Refusal(f"{option} {text!r} has no rate", f"write {option} NAME=RATE, such as {option} {text}=0.5")
        try:
            found[name_of(name)] = _rate(option, rate)
        except ValueError as fault:
            raise Refusal(f"{option}: {fault}", f"write {option} NAME=RATE") from None
    return found


def _rate(option: str, text: str) -> float | None:
    """None: it is taken away."""
    if text == NONE:
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 <= rate <= HIGHEST_RATE:
        how = f"write segments per second from 0 to {HIGHEST_RATE}, such as 5, 0.2, or 0 to stop; none for no bound"
        raise Refusal(f"{option}: {text!r} is no rate", how)
    return rate
