"""What `make install` brings besides packages: `python -m infra.services.install [--cache FOLDER] [--repository URL]`.

In: a cache folder, perhaps a mirror of Maven Central. Out: Kafka's jars there, and the archive of its classes where this
Java can make one. Wrong: no network, a full disk: the sentence of `ServiceError` on stderr, exit 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infra.services.errors import ServiceError
from infra.services.jars import kafka_jars
from infra.services.warm_up import make_archive


def main(arguments: list[str]) -> int:
    """Fill the cache; then make Kafka's start faster where that is possible."""
    options = argparse.ArgumentParser(prog="infra.services.install", description="Fetch Kafka's jars into a cache folder.")
    options.add_argument("--cache", type=Path, help="default: the user's cache folder")
    options.add_argument("--repository", help="instead of Maven Central")
    given = options.parse_args(arguments)
    try:
        make_archive(kafka_jars(given.cache, _show, given.repository))
    except ServiceError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _show(done: int, total: int) -> None:
    if sys.stderr.isatty() or done == total:
        sys.stderr.write(f"\rKafka's jars: {done} of {total}" + ("\n" if done == total else ""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
