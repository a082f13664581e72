"""Phone numbers: as people write them internationally, to E.164 as a whole number.

Enters: "+" or "00", then digits; spaces and ( ) - . anywhere are ignored. Leaves: the digits of the E.164 form as an
int, for numbers that libphonenumber holds valid, in the form it gives them ("+44 (0)20 7946 0958" loses its zero).
Wrong: PhoneError with the code
  bad_character     something else than the above
  national_format   digits without "+" or "00": the country is not known
  too_short, too_long, invalid_number     what libphonenumber says of the number

Most numbers never reach the library (27 us): their verdict follows from calling code, first digits and length, worked
out once per beginning (see numbering_plans); a clean number then takes 0.3 us in all.
"""

from collections.abc import Sequence

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

from schemas.values.phone.numbering_plans import verdict

MAX_INPUT = 64
"""Longer text than this is no phone number, however many separators people use."""

PLAIN = _SHORT = 8
_LONG = 11
"""Characters of the beginning that tell the verdict: the plus and seven digits mostly do, ten nearly always."""
_IGNORED = str.maketrans("", "", " ()-.")


class PhoneError(ValueError):
    """Text that is no number to send to; `code` is stable, `detail` is for people and never quotes the number."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def normalise(raw: str) -> int:
    """The number's E.164 digits: country calling code and national number."""
    if verdict(raw[:_SHORT], len(raw)) and raw[_SHORT:].isdigit() and raw.isascii():
        return int(raw)
    number = _international(raw)
    known = verdict(number[:_SHORT], len(number))
    if known is None:
        known = verdict(number[:_LONG], len(number))
    return int(number) if known else _ask_library(number)


def is_plain(beginning: str, length: int) -> bool:
    """Whether every text of so many characters that begins so, and is a plus and digits, is surely a number to send to
    and its own E.164 form. `PLAIN` characters of the beginning mostly tell; False = `normalise` must look at each."""
    return length >= PLAIN and bool(verdict(beginning[:PLAIN], length))


def are_valid(numbers: Sequence[int]) -> bool:
    """Whether all these E.164 digits are surely numbers to send to, in the form that `normalise` gives; False = look at
    each. Costs a division per number where they share their beginnings, as those of a chunk mostly do."""
    if not numbers:
        return True
    length = len(str(max(numbers)))
    if len(str(min(numbers))) != length or length < _SHORT:
        return False
    step: int = 10 ** (length - (_SHORT - 1))
    return all(verdict(f"+{beginning}", length + 1) for beginning in {number // step for number in numbers})


def format_e164(number: int) -> str:
    """The usual text of a normalised number."""
    return f"+{number}"


def _international(raw: str) -> str:
    """The number as "+" and digits, if that is what was written."""
    if len(raw) > MAX_INPUT:
        raise PhoneError("too_long", f"a number has at most {MAX_INPUT} characters")
    number = raw.translate(_IGNORED)
    if number.startswith("00"):
        number = "+" + number[2:]
    digits = number.removeprefix("+")
    if digits and not (digits.isascii() and digits.isdigit()):
        raise PhoneError("bad_character", "a number is + or 00 and digits; only spaces and ( ) - . may stand between")
    if digits == number and digits:
        raise PhoneError("national_format", "the number needs its country calling code: + or 00 in front")
    if len(digits) < 3:
        raise PhoneError("too_short", "the number has too few digits")
    return number


def _ask_library(number: str) -> int:
    """The slow way, for numbers in doubt and for the reason of a refusal."""
    try:
        parsed = phonenumbers.parse(number)
    except NumberParseException as fault:
        raise _refusal(_PARSE_CODES.get(fault.error_type, "invalid_number")) from None
    if phonenumbers.is_valid_number(parsed):
        return int(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))
    raise _refusal(_LENGTH_CODES.get(phonenumbers.is_possible_number_with_reason(parsed), "invalid_number"))


def _refusal(code: str) -> PhoneError:
    return PhoneError(code, _DETAILS[code])


_DETAILS = {
    "too_short": "the number has too few digits for its country",
    "too_long": "the number has too many digits for its country",
    "invalid_number": "no such number can exist",
}
_PARSE_CODES = {
    NumberParseException.TOO_SHORT_NSN: "too_short",
    NumberParseException.TOO_SHORT_AFTER_IDD: "too_short",
    NumberParseException.TOO_LONG: "too_long",
}
_LENGTH_CODES = {
    ValidationResult.TOO_SHORT: "too_short",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "too_short",
    ValidationResult.TOO_LONG: "too_long",
}
