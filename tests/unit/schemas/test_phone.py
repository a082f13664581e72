"""Phone numbers: the fast way says exactly what libphonenumber says, for every calling code there is."""

import random
import re

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberFormat, re_util

from schemas.values.phone import numbering_plans
from schemas.values.phone.number import PhoneError, are_valid, format_e164, normalise
from schemas.values.phone.numbering_plans import verdict

TYPES = (
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "fixed_line",
    "mobile",
)


def _examples() -> dict[int, list[str]]:
    """For every calling code its regions' example numbers of every type, national."""
    found: dict[int, list[str]] = {}
    for code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        plans = [PhoneMetadata.metadata_for_region_or_calling_code(code, region) for region in regions]
        descs = [getattr(plan, name) for plan in plans for name in TYPES]
        found[code] = [desc.example_number for desc in descs if desc is not None and desc.example_number]
    return found


EXAMPLES = _examples()
DIGITS = st.text("0123456789", max_size=17)


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Some example's first digits, then any: of the example's length mostly."""
    code = draw(st.sampled_from(sorted(EXAMPLES)))
    example = draw(st.sampled_from(EXAMPLES[code]))
    kept = example[: draw(st.integers(0, len(example)))]
    rest = len(example) - len(kept)
    return f"+{code}{kept}{draw(st.one_of(st.text('0123456789', min_size=rest, max_size=rest), DIGITS))}"


def _by_library(number: str) -> int | None:
    """The reference: the library's own E.164 form, None if it refuses."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    return int(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))


def _by_us(number: str) -> int | None:
    try:
        return normalise(number)
    except PhoneError:
        return None


@given(numbers())
def test_the_verdict_is_the_librarys(number: str) -> None:
    assert _by_us(number) == _by_library(number)


@pytest.mark.slow
@settings(max_examples=2000)
@given(numbers())
def test_the_verdict_is_the_librarys_for_many_more(number: str) -> None:
    assert _by_us(number) == _by_library(number)


@given(st.lists(numbers().map(lambda text: int("0" + text[1:19])), max_size=6))
def test_what_is_surely_valid_together_is_valid_one_by_one(several: list[int]) -> None:
    if are_valid(several):
        assert [_by_library(f"+{number}") for number in several] == several


def test_numbers_of_one_network_are_surely_valid_together() -> None:
    assert are_valid([4915112345678, 4915112345679, 4915199999999])
    assert not are_valid([4915112345678, 4915112345])
    assert not are_valid([4915112345678, 4900000000000])
    assert are_valid([])


def _neighbours(code: int) -> list[str]:
    """Examples, their neighbours, and random numbers of their lengths; seeded, so that a failure comes again."""
    chance = random.Random(code)
    return [
        f"+{code}{example[:kept]}{''.join(chance.choices('0123456789', k=max(0, len(example) - kept + longer)))}"
        for example in EXAMPLES[code]
        for kept in range(0, len(example) + 1, 2)
        for longer in (0, 0, -1, 1)
    ]


@pytest.mark.parametrize("code", sorted(EXAMPLES))
def test_every_calling_code(code: int) -> None:
    some = random.Random(code).sample(every := _neighbours(code), len(every) // 5)
    for number in [*(f"+{code}{example}" for example in EXAMPLES[code]), *some]:
        assert _by_us(number) == _by_library(number), number


@pytest.mark.slow
@pytest.mark.parametrize("code", sorted(EXAMPLES))
def test_every_calling_code_and_every_neighbour(code: int) -> None:
    for number in _neighbours(code):
        assert _by_us(number) == _by_library(number), number


@given(numbers(), st.integers(1, 12), st.data())
def test_a_certain_verdict_holds_for_all_that_begin_so(number: str, kept: int, data: st.DataObject) -> None:
    beginning = number[: min(kept + 1, len(number))]
    certain = verdict(beginning, len(number))
    rest = len(number) - len(beginning)
    other = beginning + data.draw(st.text("0123456789", min_size=rest, max_size=rest))
    if certain is not None:
        assert (_by_library(number) is not None) is certain
        assert (_by_library(other) is not None) is certain


def test_mostly_the_beginning_is_enough() -> None:
    """Otherwise every recipient costs a call of the library."""
    mobile = [
        "+4915112345678",
        "+447911123456",
        "+12135550123",
        "+33612345678",
        "+919876543210",
        "+5511987654321",
        "+819012345678",
        "+79161234567",
        "+393331234567",
        "+34612345678",
        "+2348031234567",
        "+8613812345678",
    ]
    assert [number for number in mobile if verdict(number[:8], len(number)) is not True] == []


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("+4915112345678", 4915112345678),
        ("004915112345678", 4915112345678),
        ("+49 (151) 123-45.678", 4915112345678),
        (" 00 49 151 12345678 ", 4915112345678),
        ("(+49) 15112345678", 4915112345678),
        ("0 0 4915112345678", 4915112345678),
        ("+44 (0)20 7946 0958", 442079460958),
        ("+390612345678", 390612345678),
        ("+1 (213) 373-4253", 12133734253),
        ("+7 916 123-45-67", 79161234567),
        ("+77272345678", 77272345678),
        ("+80012345678", 80012345678),
    ],
)
def test_ways_to_write_a_number(raw: str, number: int) -> None:
    assert normalise(raw) == number
    assert format_e164(number) == f"+{number}"
    assert normalise(format_e164(number)) == number


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("015112345678", "national_format"),
        ("15112345678", "national_format"),
        ("4915112345678", "national_format"),
        ("", "too_short"),
        ("+", "too_short"),
        ("00", "too_short"),
        ("+49", "too_short"),
        ("+491", "too_short"),
        ("+49151", "too_short"),
        ("+4915112345678901234", "too_long"),
        ("+" + "1" * 70, "too_long"),
        ("+1 213 555", "too_short"),
        ("+19995550123", "invalid_number"),
        ("+99915112345678", "invalid_number"),
        ("+004915112345678", "invalid_number"),
        ("++4915112345678", "bad_character"),
        ("49+15112345678", "bad_character"),
        ("+4915112345678\n", "bad_character"),
        ("+49151123456_78", "bad_character"),
        ("+49151123456７8", "bad_character"),
        ("+4915112345678 ext. 3", "bad_character"),
        ("+1800FLOWERS", "bad_character"),
        ("tel:+4915112345678", "bad_character"),
        ("+4915112345²78", "bad_character"),
        ("+٤٩15112345678", "bad_character"),
        ("+49\t15112345678", "bad_character"),
    ],
)
def test_refusals(raw: str, code: str) -> None:
    with pytest.raises(PhoneError) as refused:
        normalise(raw)
    assert refused.value.code == code
    assert refused.value.detail


@given(st.text(max_size=30))
def test_any_text_is_taken_or_refused(raw: str) -> None:
    number = _by_us(raw)
    assert number is None or normalise(format_e164(number)) == number


def test_a_warm_cache_does_not_let_other_characters_through() -> None:
    assert normalise("+4915112345678") == 4915112345678
    for tail in ("_45678", " 45678", "４5678", "+45678"):
        raw = "+4915112345678"[:8] + tail
        assert _by_us(raw) == _by_us(raw.replace(" ", ""))


def test_the_first_number_of_a_country_waits_for_nothing_that_could_be_there_before() -> None:
    numbering_plans._plan.cache_clear()
    numbering_plans.read_all(lambda: True)
    assert numbering_plans._plan.cache_info().currsize == 0
    numbering_plans.read_all()
    missed = numbering_plans._plan.cache_info().misses
    verdict.cache_clear()
    for code, examples in EXAMPLES.items():
        for national in examples[:1]:
            verdict(f"+{code}{national}"[:8], len(f"+{code}{national}"))
    assert numbering_plans._plan.cache_info().misses == missed


def test_patterns_of_the_library_are_made_once() -> None:
    numbering_plans.read_all()
    made = re_util.re_compile("[0-9]{3}")
    re.purge()
    assert re_util.re_compile("[0-9]{3}") is made
