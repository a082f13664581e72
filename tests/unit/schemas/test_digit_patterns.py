"""Digit patterns: the automaton agrees with `re` on every number, and counts completions as trying them all would."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values.phone.digit_patterns import Automaton, UnreadablePattern

ATOMS = st.sampled_from(["0", "1", "7", "\\d", "[12]", "[0-4]", "[1-37-9]", "[05-79]"])
COUNTS = st.sampled_from(["", "", "?", "{2}", "{1,2}", "{0,2}", "{3}"])


def _group(branches: list[str]) -> str:
    return f"(?:{'|'.join(branches)})"


PATTERNS = st.recursive(
    st.lists(st.tuples(ATOMS, COUNTS).map("".join), max_size=3).map("".join),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(st.lists(inner, min_size=1, max_size=3).map(_group), COUNTS).map("".join),
        st.tuples(inner, inner).map("|".join).map(lambda either: f"({either})"),
    ),
    max_leaves=5,
)


@given(PATTERNS, st.text("0123456789", max_size=5), st.integers(0, 2))
def test_shares_are_those_of_trying_every_completion(pattern: str, beginning: str, to_go: int) -> None:
    automaton = Automaton()
    exact, prefix = automaton.add(pattern), automaton.add_prefix(pattern)
    numbers = [beginning + "".join(rest) for rest in product("0123456789", repeat=to_go)]
    for start, accepts in ((exact, re.compile(pattern).fullmatch), (prefix, re.compile(pattern).match)):
        accepted = {accepts(number) is not None for number in numbers}
        expected = "some" if len(accepted) == 2 else "all" if True in accepted else "none"
        assert automaton.share(automaton.after(start, beginning), to_go) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "1+",
        "1*",
        "a",
        ".",
        "(?!1)2",
        "[^1]",
        "(1",
        "1)",
        "\\s",
        "^1",
        "1$",
        "[1-]",
        "{2}",
    ],
)
def test_other_constructs_are_not_guessed_at(pattern: str) -> None:
    with pytest.raises(UnreadablePattern):
        Automaton().add(pattern)


def test_a_dollar_makes_a_prefix_accept_more_never_less() -> None:
    automaton = Automaton()
    start = automaton.add_prefix("(1\\d)$|0")
    assert automaton.share(automaton.after(start, "1"), 3) == "all"
    assert automaton.share(automaton.after(start, "2"), 3) == "none"
