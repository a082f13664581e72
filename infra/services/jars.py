"""Kafka's jars: fetched once from a Maven repository by a lock, checked by digest, kept in a cache folder.

In: `kafka-jars.lock` (coordinates), `kafka-jars.sha256`, a cache folder. Out: the folder with all jars, complete or
not there at all. No network once it is complete. Wrong: no network, a foreign digest, a full disk: `ServiceError`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from infra.services.errors import ServiceError

KAFKA_VERSION = "4.3.1"
HERE = Path(__file__).parent
PARALLEL = 8
INSTALL = "Run: pip install 'sluiceway[embedded]'"
Progress = Callable[[int, int], None]


def default_cache() -> Path:
    """`$XDG_CACHE_HOME/sluice` or `~/.cache/sluice`."""
    try:
        from platformdirs import user_cache_path
    except ImportError as error:
        raise ServiceError("The embedded services are not installed.", INSTALL) from error
    return user_cache_path("sluice", appauthor=False)


def kafka_jars(cache: Path | None = None, progress: Progress | None = None, repository: str | None = None) -> Path:
    """The folder of jars below `cache`, fetched if it is not complete yet; `repository`: instead of Maven Central."""
    home = (cache or default_cache()).absolute()
    folder = home / f"kafka-{KAFKA_VERSION}"
    if os.pathsep in str(folder):
        raise ServiceError(
            f"Java cannot be told of jars in {folder}: it holds a {os.pathsep!r}.", "Set SLUICE_CACHE_DIR to another folder."
        )
    digests = _digests()
    if _complete(folder, digests):
        return folder
    try:
        with _locked(home):
            if not _complete(folder, digests):
                _fill(folder, digests, progress or _silent, repository)
    except OSError as error:
        raise ServiceError(
            f"Cannot write to the cache {home}: {error}.", "Free space, or set SLUICE_CACHE_DIR to another folder."
        ) from error
    return folder


def _fill(folder: Path, digests: dict[str, str], progress: Progress, repository: str | None) -> None:
    """Fetch beside the folder, one jar at a time and each moved into place when it is right; then rename all at once."""
    partial = folder.with_name(f"{folder.name}.partial")
    downloads = folder.with_name(f"{folder.name}.downloads")
    partial.mkdir(parents=True, exist_ok=True)
    coordinates = (HERE / "kafka-jars.lock").read_text(encoding="utf-8").split()
    wanted = [coordinate for coordinate in coordinates if not (partial / _file_name(coordinate)).exists()]
    with ThreadPoolExecutor(PARALLEL) as pool:
        jobs = [pool.submit(_fetch, c, partial, downloads, digests, repository) for c in wanted]
        try:
            for done, job in enumerate(as_completed(jobs), len(coordinates) - len(wanted) + 1):
                job.result()
                progress(done, len(coordinates))
        finally:
            pool.shutdown(cancel_futures=True)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    shutil.rmtree(downloads, ignore_errors=True)


def _fetch(coordinate: str, partial: Path, downloads: Path, digests: dict[str, str], repository: str | None) -> None:
    """Trap: several coordinates resolved together are quietly brought to other versions; hence one by one.

    Trap: the client only warns about a wrong checksum; hence our own digests.
    """
    name = _file_name(coordinate)
    jar = fetched(coordinate, downloads, repository)
    if hashlib.sha256(jar.read_bytes()).hexdigest() != digests[name]:
        jar.unlink()
        raise ServiceError(f"{name} from the Maven repository is not the file we know.", "Try again, or ask its owner.")
    jar.replace(partial / name)


def fetched(coordinate: str, downloads: Path, repository: str | None = None) -> Path:
    """One jar, in the folder of downloads; unchecked by us. Raises ServiceError."""
    try:
        from jgo.maven import MavenContext
    except ImportError as error:
        raise ServiceError("The Maven client is not installed.", INSTALL) from error
    group, artifact, version = coordinate.split(":")
    remotes = {"chosen": repository} if repository else None
    context = MavenContext(repo_cache=downloads, local_repos=[], remote_repos=remotes)
    try:
        return Path(context.project(group, artifact).at_version(version).artifact().resolve())
    except Exception as error:
        raise ServiceError(
            f"Cannot fetch {coordinate} from the Maven repository: {error}.",
            "Check the network (or name a mirror), then run `make install` again; what is here already is kept.",
        ) from error


def _digests() -> dict[str, str]:
    rows = (line.split() for line in (HERE / "kafka-jars.sha256").read_text(encoding="utf-8").splitlines())
    return {name: digest for digest, name in rows}


def _file_name(coordinate: str) -> str:
    _, artifact, version = coordinate.split(":")
    return f"{artifact}-{version}.jar"


def _complete(folder: Path, digests: dict[str, str]) -> bool:
    return all((folder / name).is_file() for name in digests)


def _silent(done: int, total: int) -> None:
    """Nobody watches."""


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Two processes filling one cache take turns."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
