"""Nothing falls through: whoever decides over positions gives every one of them exactly one verdict.

In: what was asked about and what the verdicts speak of, as sets. Out: nothing, or `CoverError`: the runner then takes the
item apart and writes to the dead letters what fails alone, instead of losing part of it.
"""

from __future__ import annotations

from collections.abc import Iterable


class CoverError(RuntimeError):
    """Positions were forgotten, named twice, or never asked about."""


def check_cover(whole: int, shares: Iterable[int]) -> None:
    """Raise CoverError unless these sets share out exactly `whole`."""
    seen = 0
    for share in shares:
        if share <= 0:
            raise CoverError("a verdict about nothing")
        if seen & share:
            raise CoverError(f"two verdicts about {seen & share:b}")
        seen |= share
    if seen != whole:
        raise CoverError(f"no verdict about {whole & ~seen:b}, or not asked for {seen & ~whole:b}")
