"""Programs of others from npm, installed once into the repository's cache folder.

In: a folder's name and a package with its version. Out: the folder's `node_modules`. Wrong: CalledProcessError with npm's
words when the registry does not answer.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache"
INSTALL_SECONDS = 90


def installed(folder: str, package: str) -> Path:
    """`node_modules` with this package, e.g. `smpp@0.5.1`, in it."""
    prefix = CACHE / folder
    if not (prefix / "node_modules" / package.rpartition("@")[0]).is_dir():
        prefix.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "install", "--prefix", str(prefix), "--no-audit", "--no-fund", package],
            check=True,
            capture_output=True,
            timeout=INSTALL_SECONDS,
        )
    return prefix / "node_modules"
