"""Which modules are compiled, and by what a compiled form is known to be theirs.

In: the source tree. Out: names, files, a digest of them. Compiled is the same source, so a module stands here only if a
profile shows it and a measurement says that it gains; what each gains stands in `docs/benchmarks.md`. A few that put octets
together have a twin in Cython beside their source, a `.pyx` that does the same. Wrong: OSError when a source is missing.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

MODULES = (
    "connectors.carriers.smpp.message_id",
    "connectors.carriers.smpp.pdu",
    "connectors.carriers.smpp.receipt",
    "connectors.carriers.smpp.receipt_reader",
    "connectors.carriers.smpp.submit",
    "connectors.dispatch.attempt_blocks",
    "connectors.dispatch.carrier_id_cache",
    "connectors.dispatch.receipt_matcher",
    "connectors.dispatch.receipt_records",
    "connectors.dispatch.result_handler",
    "connectors.dispatch.send_batch",
    "connectors.dispatch.written_receipts",
    "connectors.simulator.notice",
    "connectors.simulator.plain_batch",
    "connectors.simulator.submit_reader",
    "infra.kafka.record_batch",
    "schemas.records.kafka_format",
    "schemas.records.receipt_encoder",
    "schemas.values.carrier_ids",
    "schemas.values.ids",
    "schemas.values.positions",
    "schemas.values.template",
    "schemas.values.text",
)
TWINS = (
    "gateway.plain_destinations",
    "gateway.recipients.uniform_lines",
    "gateway.screening.number_table",
    "infra.kafka.joined_records",
    "schemas.records.receipt_bodies",
    "schemas.values.partitions",
)
"""Those that are compiled from a `.pyx`."""
GROUP = "sluice_kernels"
"""All others are compiled together, for they call each other directly: all of them are the compiled ones, or none is."""
SHARED = f"{GROUP}__mypyc"
"""The module that holds the code of all; those with the modules' own names only lead to it."""

ROOT = Path(__file__).parents[2]
BUILD = "infra.kernels.build"
FOLDER = Path(sys.prefix, "kernels")
"""Below it a folder for each build: of this source, of another branch's, of another Python."""
MANIFEST = "sources.json"
SUFFIX = str(sysconfig.get_config_var("EXT_SUFFIX"))


def source_file(module: str, root: Path = ROOT) -> Path:
    """Where a module's source is."""
    return root.joinpath(*module.split(".")).with_suffix(".py")


def twin_file(module: str, root: Path = ROOT) -> Path:
    """Where the twin of a module of `TWINS` is."""
    return source_file(module, root).with_suffix(".pyx")


def sources(root: Path = ROOT) -> Iterator[Path]:
    """What is compiled, what it takes the place of, and what compiles it."""
    yield from (source_file(module, root) for module in (*MODULES, *TWINS, BUILD))
    yield from (twin_file(module, root) for module in TWINS)


def digest(root: Path = ROOT) -> str:
    """A name for these sources, compiled in this way for this Python."""
    whole = blake2b(SUFFIX.encode(), digest_size=12)
    for path in sources(root):
        source = path.read_bytes()
        whole.update(b"%s\0%d\0" % (path.name.encode(), len(source)))
        whole.update(source)
    return whole.hexdigest()


def source_digest(path: Path) -> str:
    """Of one source file."""
    return blake2b(path.read_bytes(), digest_size=12).hexdigest()
