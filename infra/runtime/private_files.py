"""Files and folders of a data folder: for their owner alone, whatever the umask and whoever made the folder around them.

In: paths. Out: folders of mode 0700, files of mode 0600. Programs that we start make theirs under `UMASK`. Wrong: what
cannot be made raises `OSError`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

UMASK = 0o077
FOLDER_MODE = 0o700
FILE_MODE = 0o600


def make_private_folder(folder: Path) -> None:
    """The folder, and those above it that are missing. One of our own that stands there open to others is closed."""
    # Trap: `mkdir(parents=True)` makes those above with the mode that the umask leaves.
    for missing in reversed([one for one in folder.parents if not one.exists()]):
        missing.mkdir(mode=FOLDER_MODE, exist_ok=True)
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    found = folder.stat()
    if found.st_mode & UMASK and found.st_uid == os.geteuid():
        folder.chmod(FOLDER_MODE)


def replace_private_file(file: Path, text: str) -> None:
    """Replace the file as a whole: who reads it finds the old text or the new one."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        # One that a kill left behind keeps the mode it had.
        os.fchmod(descriptor, FILE_MODE)
        out.write(text)
    fresh.replace(file)


def open_private_log(log: Path) -> BinaryIO:
    """The log, open for lines behind those it has."""
    return open(log, "ab", opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, FILE_MODE)
