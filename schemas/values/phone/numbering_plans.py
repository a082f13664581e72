"""libphonenumber's verdict on a number, told from its first digits and its length alone where that is certain.

Enters: the first characters of "+digits", and the length of the whole. Leaves: True or False when every number that
begins so and is that long has this verdict; None when it takes more digits, or the library itself, to tell. Wrong:
nothing; what is in doubt is None.

These are the library's own rules (`is_valid_number` of the parsed number), applied to all completions at once. Of
several regions with one calling code, in the library's order, the first whose leading digits fit decides, or the first
without leading digits that takes the number; a region alone decides. A region takes a number that fits its general
pattern and that of one type, each with its list of lengths. Numbers from which the library would strip or rewrite a
national prefix are left to it.
"""

from collections.abc import Callable
from functools import cache, lru_cache

import msgspec
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberDesc, enable_pattern_cache

from schemas.values.phone.digit_patterns import Automaton, Share, States, UnreadablePattern

CACHED_VERDICTS = 1 << 16
NATIONAL_LENGTHS = range(2, 18)
"""The lengths of a national number that the library parses at all."""

_TYPES = (
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


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern's start in the automaton; no lengths: every length."""

    start: States
    lengths: tuple[int, ...]


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """One region of a calling code."""

    leading: States | None
    general: Pattern
    types: tuple[Pattern, ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A calling code's regions in the library's order, and what might be taken for a national prefix."""

    automaton: Automaton
    regions: tuple[Region, ...]
    national_prefix: States


def read_all(stop: Callable[[], bool] = lambda: False) -> None:
    """Every plan, before the first number asks for it: half a second and 17 MB. The library keeps its patterns from here on,
    up to 15 MB: its 512 otherwise do for some countries only, and each number of another would have them made again."""
    enable_pattern_cache()
    for code in COUNTRY_CODE_TO_REGION_CODE:
        if stop():
            return
        _plan(code)


@lru_cache(maxsize=CACHED_VERDICTS)
def verdict(beginning: str, length: int) -> bool | None:
    """Whether numbers of this many characters that begin with "+" and these digits are valid; None: cannot be told."""
    digits = beginning[1:]
    if beginning[:1] != "+" or not (digits.isascii() and digits.isdigit()) or len(beginning) > length:
        return None
    code = next((digits[:size] for size in (1, 2, 3) if int(digits[:size]) in COUNTRY_CODE_TO_REGION_CODE), None)
    if code is None:
        return False if len(digits) >= 3 else None
    plan = _plan(int(code))
    national = length - 1 - len(code)
    if plan is None or national not in NATIONAL_LENGTHS:
        return None
    share = _share(plan, digits[len(code) :], national)
    return None if share == "some" else share == "all"


def _share(plan: Plan, digits: str, length: int) -> Share:
    """How many of the national numbers of this length with these first digits are valid; "some" also when in doubt."""
    automaton, to_go = plan.automaton, length - len(digits)
    if automaton.share(automaton.after(plan.national_prefix, digits), to_go) != "none":
        return "some"
    for region in plan.regions:
        if region.leading is None:
            taken = _taken(automaton, region, digits, length)
            if taken != "none":
                return taken
            continue
        led = automaton.share(automaton.after(region.leading, digits), to_go)
        if led != "none":
            return _taken(automaton, region, digits, length) if led == "all" else "some"
    return "none"


def _taken(automaton: Automaton, region: Region, digits: str, length: int) -> Share:
    general = _matched(automaton, (region.general,), digits, length)
    if general == "none":
        return "none"
    typed = _matched(automaton, region.types, digits, length)
    return typed if general == "all" or typed == "none" else "some"


def _matched(automaton: Automaton, patterns: tuple[Pattern, ...], digits: str, length: int) -> Share:
    start = frozenset[int]().union(*(one.start for one in patterns if not one.lengths or length in one.lengths))
    return automaton.share(automaton.after(start, digits), length - len(digits))


@cache  # there are some two hundred calling codes
def _plan(code: int) -> Plan | None:
    automaton = Automaton()
    found = [PhoneMetadata.metadata_for_region_or_calling_code(code, region) for region in COUNTRY_CODE_TO_REGION_CODE[code]]
    metadata = [one for one in found if one is not None]
    if not metadata:
        return None
    try:
        prefix = metadata[0].national_prefix_for_parsing
        return Plan(
            automaton=automaton,
            regions=tuple(_region(automaton, one, alone=len(metadata) == 1) for one in metadata),
            national_prefix=automaton.add_prefix(prefix) if prefix else frozenset(),
        )
    except UnreadablePattern:
        return None


def _region(automaton: Automaton, metadata: PhoneMetadata, *, alone: bool) -> Region:
    names = _TYPES[:-1] if metadata.same_mobile_and_fixed_line_pattern else _TYPES
    types = [_pattern(automaton, getattr(metadata, name)) for name in names]
    leading = metadata.leading_digits
    return Region(
        leading=automaton.add_prefix(leading) if leading and not alone else None,
        general=_pattern(automaton, metadata.general_desc) or Pattern(start=frozenset(), lengths=()),
        types=tuple(one for one in types if one is not None),
    )


def _pattern(automaton: Automaton, desc: PhoneNumberDesc | None) -> Pattern | None:
    if desc is None or not desc.national_number_pattern:
        return None
    return Pattern(start=automaton.add(desc.national_number_pattern), lengths=tuple(desc.possible_length))
