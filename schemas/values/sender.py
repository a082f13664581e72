"""The sender that a recipient sees: a short name, or a number.

Enters: the `from` of a request. Leaves: the same text, unchanged, once it is known to be one of
  a name     1 to 11 characters of letters, digits, space and . _ & -, with at least one letter
  a number   3 to 15 digits, with or without a leading plus; with it an international number, without it a short code
Wrong: SenderError, code `too_long`, `too_short`, `bad_character` or `no_letter`.
"""

import re

MAX_NAME = 11
MIN_DIGITS = 3
MAX_DIGITS = 15

_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ._&-]{1,11}")
_CHARACTERS = re.compile(r"\+[0-9]*|[A-Za-z0-9 ._&-]*")


class SenderError(ValueError):
    """Text that cannot be a sender; `code` is stable, `detail` is for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def parse_sender(raw: str) -> str:
    """The sender, unchanged, if it is one."""
    if _NAME.fullmatch(raw) is None and _NUMBER.fullmatch(raw) is None:
        raise _fault(raw)
    return raw


def _fault(raw: str) -> SenderError:
    if _CHARACTERS.fullmatch(raw) is None:
        return SenderError("bad_character", "a sender is made of letters, digits, space and . _ & - or of + and digits")
    digits = raw.removeprefix("+")
    if raw and (digits.isdigit() or not digits):
        if len(digits) < MIN_DIGITS:
            return SenderError("too_short", f"a number as sender has at least {MIN_DIGITS} digits")
        return SenderError("too_long", f"a number as sender has at most {MAX_DIGITS} digits")
    if not raw:
        return SenderError("too_short", "a sender has at least one character")
    if len(raw) > MAX_NAME:
        return SenderError("too_long", f"a name as sender has at most {MAX_NAME} characters")
    return SenderError("no_letter", "a name as sender has at least one letter")
