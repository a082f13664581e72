"""The pinned packages: all that `pyproject.toml` asks for, what those need in turn, and nothing else; no addresses."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.metadata import requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.source import ROOT

ASIDE = {"setuptools", "pip"}
"""What virtual environments bring along."""
MADE_WITH = {"python_version": "3.11", "python_full_version": "3.11.0"}
"""The list is made with the oldest Python there is support for."""


def declared() -> list[Requirement]:
    """What the project asks for, for all purposes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [
        Requirement(text)
        for group in (project["dependencies"], *project["optional-dependencies"].values())
        for text in group
    ]


def pinned() -> dict[str, str]:
    """Version by name."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    rows = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all(str(row.specifier).startswith("==") and row.url is None for row in rows)
    return {canonicalize_name(row.name): str(row.specifier)[2:] for row in rows}


def needed(wanted: Iterable[Requirement]) -> set[str]:
    """Their names, and the names of all that they need here."""
    seen: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(row.name), extra) for row in wanted for extra in ("", *row.extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen or name in ASIDE:
            continue
        seen.add((name, extra))
        rows = [Requirement(text) for text in requires(name) or []]
        waiting += [
            (canonicalize_name(row.name), inner)
            for row in rows
            for inner in ("", *row.extras)
            if row.marker is None or row.marker.evaluate({**MADE_WITH, "extra": extra})
        ]
    return {name for name, _ in seen}


def test_what_is_declared_is_pinned_as_it_is_asked_for() -> None:
    versions = pinned()
    wrong = [str(row) for row in declared() if not row.specifier.contains(versions.get(canonicalize_name(row.name), "0"))]
    assert wrong == [] and len(versions) > 50


def test_nothing_is_pinned_without_need_and_nothing_needed_is_missing() -> None:
    assert set(pinned()) == needed(declared())
