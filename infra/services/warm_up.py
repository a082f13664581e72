"""Make the archive of Kafka's classes by running a broker once, at installation.

In: a complete folder of jars. Out: the archive beside them, or nothing where this Java cannot make one.
Wrong: a broker that does not start here: no archive; the first real start will say why.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from infra.services.class_archive import archive_file, has_base_archive
from infra.services.errors import ServiceError
from infra.services.java import find_java
from infra.services.kafka import KafkaService


def make_archive(jars: Path) -> bool:
    """Whether there is an archive afterwards."""
    java = find_java()
    archive = archive_file(java, jars)
    if archive.exists() or not has_base_archive(java):
        return archive.exists()
    fresh = archive.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="sluice-archive-") as folder:
        broker = KafkaService(Path(folder), cache=jars.parent, record_classes=fresh)
        try:
            broker.start()
        except ServiceError:
            return False
        broker.stop()
    if fresh.exists():
        fresh.replace(archive)
    return archive.exists()
