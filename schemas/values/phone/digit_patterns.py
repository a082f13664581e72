"""Regular expressions over digits as an automaton, to tell what all numbers with the same beginning have in common.

Enters: the expressions of a numbering plan: digits, [classes], \\d, groups, alternatives, ? and {m,n}. Leaves: for a
beginning and a number of digits to go, whether all, none or some of the completions match; exactly, not by trial.
Wrong: UnreadablePattern for an expression that uses anything else, so that its user can leave the matter to `re`.
"""

import re
from collections.abc import Iterable
from typing import Literal

Share = Literal["all", "none", "some"]
States = frozenset[int]

_DIGITS = frozenset(range(10))
_COUNT = re.compile(r"\{([0-9]+)(?:,([0-9]+))?\}|(\?)")
_CLASS = re.compile(r"\[([0-9](?:-?[0-9])*)\]")
_SPAN = re.compile(r"([0-9])-([0-9])|([0-9])")
_MEMORY = 1 << 16


class UnreadablePattern(ValueError):
    """An expression with constructs that are not read here."""


class Automaton:
    """A nondeterministic automaton over the ten digits. Each expression that is added has a start of its own."""

    def __init__(self) -> None:
        self._steps: list[list[tuple[frozenset[int], int]]] = []
        self._jumps: list[list[int]] = []
        self._shares: dict[tuple[States, int], Share] = {}
        self._following: dict[tuple[States, int], States] = {}
        self._end = self.state()

    def add(self, pattern: str) -> States:
        """The start from which exactly what fully matches the expression is accepted."""
        begin = self.state()
        self.jump(_Reader(self, pattern).read(begin), self._end)
        return self._closure([begin])

    def add_prefix(self, pattern: str) -> States:
        """The start from which at least everything that begins with a match is accepted; a `$` is read as true."""
        begin = self.state()
        last = _Reader(self, pattern.replace("$", "")).read(begin)
        self.step(last, _DIGITS, last)
        self.jump(last, self._end)
        return self._closure([begin])

    def after(self, states: States, digits: str) -> States:
        """Where these digits lead."""
        for digit in digits:
            states = self._next(states, int(digit))
        return states

    def share(self, states: States, to_go: int) -> Share:
        """How many of the completions by so many further digits are accepted."""
        if to_go == 0 or not states:
            return "all" if self._end in states else "none"
        known = self._shares.get((states, to_go))
        if known is None:
            shares = {self.share(one, to_go - 1) for one in {self._next(states, digit) for digit in _DIGITS}}
            known = shares.pop() if len(shares) == 1 else "some"
            if len(self._shares) < _MEMORY:
                self._shares[states, to_go] = known
        return known

    def state(self) -> int:
        """A new state."""
        self._steps.append([])
        self._jumps.append([])
        return len(self._steps) - 1

    def step(self, begin: int, digits: frozenset[int], end: int) -> None:
        """Any of these digits leads from one state to the other."""
        self._steps[begin].append((digits, end))

    def jump(self, begin: int, end: int) -> None:
        """Whoever is in the one state is in the other as well."""
        self._jumps[begin].append(end)

    def _next(self, states: States, digit: int) -> States:
        following = self._following.get((states, digit))
        if following is None:
            following = self._closure(end for state in states for digits, end in self._steps[state] if digit in digits)
            if len(self._following) < _MEMORY:
                self._following[states, digit] = following
        return following

    def _closure(self, states: Iterable[int]) -> States:
        reached: set[int] = set()
        pending = list(states)
        while pending:
            state = pending.pop()
            if state not in reached:
                reached.add(state)
                pending.extend(self._jumps[state])
        return frozenset(reached)


class _Reader:
    """Recursive descent over one expression; what is read goes into the automaton at once."""

    def __init__(self, automaton: Automaton, pattern: str) -> None:
        self._automaton = automaton
        self._pattern = re.sub(r"\s", "", pattern)
        self._at = 0

    def read(self, begin: int) -> int:
        end = self._alternatives(begin)
        if self._at != len(self._pattern):
            raise UnreadablePattern(self._pattern)
        return end

    def _alternatives(self, begin: int) -> int:
        end = self._automaton.state()
        while True:
            self._automaton.jump(self._sequence(begin), end)
            if not self._took("|"):
                return end

    def _sequence(self, begin: int) -> int:
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            begin = self._repeated(begin)
        return begin

    def _repeated(self, begin: int) -> int:
        """An atom and its count; a count of n is read n times."""
        atom_at, last = self._at, self._atom(begin)
        count = _COUNT.match(self._pattern, self._at)
        if count is None:
            return last
        least, most = (0, 1) if count[3] else (int(count[1]), int(count[2] or count[1]))
        ends = [begin, last]
        for _ in range(1, most):
            self._at = atom_at
            ends.append(self._atom(ends[-1]))
        end = self._automaton.state()
        for optional in ends[least : most + 1]:
            self._automaton.jump(optional, end)
        self._at = count.end()
        return end

    def _atom(self, begin: int) -> int:
        if self._took("("):
            self._took("?:")
            end = self._alternatives(begin)
            if not self._took(")"):
                raise UnreadablePattern(self._pattern)
            return end
        end = self._automaton.state()
        self._automaton.step(begin, self._digits(), end)
        return end

    def _digits(self) -> frozenset[int]:
        if self._took("\\d"):
            return _DIGITS
        among = _CLASS.match(self._pattern, self._at)
        if among is not None:
            self._at = among.end()
            spans = [(span[1] or span[3], span[2] or span[3]) for span in _SPAN.finditer(among[1])]
            return frozenset(digit for low, high in spans for digit in range(int(low), int(high) + 1))
        if self._pattern[self._at] not in "0123456789":
            raise UnreadablePattern(self._pattern)
        self._at += 1
        return frozenset({int(self._pattern[self._at - 1])})

    def _took(self, token: str) -> bool:
        found = self._pattern.startswith(token, self._at)
        self._at += len(token) * found
        return found
