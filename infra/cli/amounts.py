"""Amounts of money on the command line.

In: text such as `12.5`. Out: ten-thousandths. Wrong: `Refusal` with the form that is expected.
"""

from __future__ import annotations

from infra.runtime.refusal import Refusal
from schemas.values.money import MoneyError, parse_amount


def amount(text: str, *, signed: bool = False, option: str = "") -> int:
    """Ten-thousandths of the currency's unit. `option`: where it was given, for the refusal."""
    try:
        return parse_amount(text, signed=signed)
    except MoneyError as fault:
        raise Refusal(f"{option} {text!r} is no amount".lstrip(), fault.detail) from fault
