"""Amounts of money: decimal text with four places outside, whole ten-thousandths inside.

Enters: text such as "0.0700" or "12". Leaves: the int 700 or 120000, and the text again, always with four places.
Wrong: MoneyError with the code `bad_amount` (not such text, or more than four places) or `amount_out_of_range`
(beyond 10^15 ten-thousandths, which is a hundred thousand million units of the currency). No float is ever involved.
"""

import re

UNITS = 10_000
"""Ten-thousandths in one unit of the currency."""

MAX_AMOUNT = 10**15
"""The largest amount, in ten-thousandths; fits in a bigint with room for sums."""

_AMOUNT = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,4}))?")


class MoneyError(ValueError):
    """An amount that cannot be taken; `code` is stable, `detail` is for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def parse_amount(text: str, *, signed: bool = False) -> int:
    """Ten-thousandths of the currency's unit. A minus sign is refused unless `signed`."""
    match = _AMOUNT.fullmatch(text)
    if match is None or (match[1] and not signed):
        raise MoneyError("bad_amount", "expected a decimal number with at most four places, such as 0.0700")
    amount = int(match[2]) * UNITS + int((match[3] or "").ljust(4, "0"))
    if amount > MAX_AMOUNT:
        raise MoneyError("amount_out_of_range", f"an amount may be at most {format_amount(MAX_AMOUNT)}")
    return -amount if match[1] else amount


def format_amount(amount: int) -> str:
    """The text of an amount in ten-thousandths, always with four places."""
    if abs(amount) > MAX_AMOUNT:
        raise MoneyError("amount_out_of_range", "the amount is out of range")
    whole, rest = divmod(abs(amount), UNITS)
    return f"{'-' if amount < 0 else ''}{whole}.{rest:04d}"
