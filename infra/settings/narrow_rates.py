"""Names of the rates within a carrier's rate, as the settings file and the command line have them.

In: a sender id, the first digits of numbers. Out: the same as they are kept. Wrong: ValueError that says what is expected.
"""

from __future__ import annotations

from schemas.values.sender import SenderError, parse_sender

MOST_DIGITS = 15


def sender_of(text: str) -> str:
    """A sender id, unchanged."""
    try:
        return parse_sender(text)
    except SenderError as fault:
        raise ValueError(f"{text!r} is no sender: {fault.detail}") from None


def network_of(text: str) -> str:
    """The prefix in digits; `+` in front is left out."""
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and digits[0] != "0" and len(digits) <= MOST_DIGITS):
        raise ValueError(f"{text!r} is no beginning of a number; write a country code and more digits, such as +4915")
    return digits
