"""Compiled modules in the place of their own source, where they are exactly that source's.

In: what `infra.kernels.build` made below the virtualenv. Out: `begin` puts a finder first that gives the compiled form of
the modules in `MODULES`; `state` says which form runs and why. A compiled form is found by a digest of the sources and used
only if every source it was made of, and every one those import, is byte for byte what it was: edited, switched to another
branch, half built or of another Python, the source runs as it always would. That is decided once a process, before the
first of the modules is imported; a process that has one of them already stays with the sources, for the compiled ones call
each other without asking. Nothing raises.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from infra.kernels.modules import FOLDER, MANIFEST, MODULES, ROOT, SHARED, SUFFIX, TWINS, digest, source_digest
from infra.settings.environment import PURE, wants_sources


class State(NamedTuple):
    """`folder`: where the compiled modules are that run; None: the sources do. `stale`: there are compiled ones, of other
    sources."""

    folder: Path | None
    says: str
    stale: bool = False


class Kernels(MetaPathFinder):
    """The finder. `folder`: below it one for each digest; `root`: the sources; `loaded`: what is imported already."""

    def __init__(self, folder: Path = FOLDER, root: Path = ROOT, loaded: Collection[str] | None = None) -> None:
        self._folder = folder
        self._root = root
        self._loaded = sys.modules if loaded is None else loaded
        self._state: State | None = None

    def state(self) -> State:
        """What runs in this process; the first call decides."""
        if self._state is None:
            self._state = self._decide()
        return self._state

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The compiled form of one of the modules."""
        if fullname not in _NAMES or (folder := self.state().folder) is None:
            return None
        file = str(compiled_file(folder, fullname))
        return spec_from_file_location(fullname, file, loader=ExtensionFileLoader(fullname, file))

    def _decide(self) -> State:
        if wants_sources():
            return State(None, f"the sources run: {PURE} is set")
        if early := sorted(_NAMES.intersection(self._loaded)):
            return State(None, f"the sources run: {early[0]} was imported before")
        try:
            folder = find(self._folder, self._root)
            others = folder is None and any(self._folder.glob("*/*"))
        except OSError as fault:
            return State(None, f"the sources run: {fault}")
        if folder:
            return State(folder, f"{len(MODULES) + len(TWINS)} modules run compiled")
        if others:
            return State(None, "the sources run: they have changed since they were compiled", stale=True)
        return State(None, "the sources run: nothing is compiled")


_NAMES = frozenset((*MODULES, *TWINS, SHARED))
_kernels = Kernels()


def begin() -> None:
    """To be called before anything else of ours is imported; again does nothing."""
    if _kernels not in sys.meta_path and not wants_sources() and not _NAMES & sys.modules.keys():
        sys.meta_path.insert(0, _kernels)


def state() -> State:
    """Which form a process started now runs, and this one if it has begun."""
    if _kernels not in sys.meta_path and _NAMES & sys.modules.keys():
        return Kernels().state()
    return _kernels.state()


def find(folder: Path, root: Path) -> Path | None:
    """Where the compiled form of these sources is, if there is one: some may differ only in what they import."""
    made = sorted(folder.glob(f"{digest(root)}-*"))
    return next((one for one in made if is_whole(one) and is_made_of(one, root)), None)


def compiled_file(folder: Path, module: str) -> Path:
    """Where a module's compiled form is."""
    return folder.joinpath(*module.split(".")).with_suffix(SUFFIX)


def is_whole(folder: Path) -> bool:
    """Whether all modules are there."""
    return all(compiled_file(folder, name).is_file() for name in _NAMES)


def is_made_of(folder: Path, root: Path) -> bool:
    """Whether these sources, with all that they import, are what it was made of: values of other modules stand in compiled
    code too."""
    try:
        sources: Mapping[str, str] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return bool(sources) and all(source_digest(root / path) == known for path, known in sources.items())
    except (OSError, ValueError):
        return False
