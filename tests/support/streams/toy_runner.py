"""A small stage for the contract of runners, and a process that runs it with Faust.

In: records of `<name>-in`, each an `Envelope` of slices. Out: for each slice a copy of its chunk id on `<name>-out`. A slice
whose body is `boom` raises; the first burst that holds one with the body `hang` writes a mark and waits for ever.
Run as a program: bootstrap, name, folder, instance. It touches `ready-<instance>` and `hung` in the folder.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from infra.kafka.batch_outbox import BatchOutbox
from infra.kafka.outbox import Outbox
from infra.kafka.patient_outbox import PatientOutbox
from infra.kafka.records import ConsumerRecord, ProducerRecord
from infra.settings.load import load_settings
from schemas.records.codec import decode_as, encode
from schemas.records.slice import Slice, check_slice
from schemas.records.wire import Envelope
from schemas.values.positions import everyone
from streams.faust_runner import Source, run_sources
from streams.handler import Item, Written
from streams.kafka_outlet import KafkaOutlet
from streams.runner import Runner


class Toy:
    """Copies chunk ids from a topic to another."""

    def __init__(self, out: str, hung: Path | None = None) -> None:
        self._out = out
        self._hung = hung

    def open(self, record: ConsumerRecord) -> list[Item]:
        """A slice each."""
        return [Item(record, n, slice_) for n, slice_ in enumerate(decode_as(record.value, Envelope).slices)]

    def check(self, item: Item) -> None:
        """A slice that agrees with itself."""
        check_slice(item.content)

    def split(self, item: Item) -> list[Any]:
        """A slice is one message here."""
        return []

    def wrap(self, item: Item) -> bytes:
        """An envelope of one."""
        return encode(Envelope(slices=[item.content]))

    async def handle(self, items: Sequence[Item]) -> Written:
        """A copy each, or the fault that the slice asks for."""
        for item in items:
            if item.content.body == "boom":
                raise ValueError("boom, as asked")
            if item.content.body == "hang" and self._hung is not None and not self._hung.exists():
                self._hung.touch()
                await asyncio.Event().wait()
        return Written(
            outputs=[ProducerRecord(self._out, item.content.chunk.encode(), item.content.chunk.encode()) for item in items]
        )


def toy_slice(chunk: str, body: str = "hi") -> Slice:
    """A slice of one message."""
    return Slice(
        tenant="7b1e0000-0000-4000-8000-000000000000",
        campaign=None,
        chunk=chunk,
        part=0,
        size=1,
        lane="transactional",
        send=1,
        positions=everyone(1),
        sender="Sluice",
        body=body,
        accepted_at=1,
        due_at=1,
        expires_at=2,
        indexes=b"\0\0\0\0",
        key_id="k1/2026-01",
        sealed=b"x",
    )


def toy_record(*slices: Slice) -> bytes:
    """An envelope of these slices."""
    return encode(Envelope(slices=list(slices)))


async def serve(bootstrap: str, name: str, folder: Path, instance: str, patience: str = "") -> None:
    """The process; Kafka is where settings say, if they do. `patience`: seconds that outputs wait for others."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    given = load_settings(default_file=None).settings.kafka
    cluster = bootstrap if given.bootstrap is None else given
    outbox = Outbox(cluster, instance)
    batches = BatchOutbox(cluster, f"{instance}-batches")
    outlet = KafkaOutlet(outbox, batches, PatientOutbox(batches, float(patience or 0)), {f"{name}-out"} if patience else ())
    runner = Runner(Toy(f"{name}-out", folder / "hung"), outlet, service="streams", clock=lambda: 5)
    await run_sources(
        [Source(f"{name}-in", runner.run, 64)],
        cluster=cluster,
        group=f"{name}-group",
        instance=instance,
        folder=folder / "faust",
        stop=stop,
        ready=lambda: (folder / f"ready-{instance}").touch(),
    )
    os._exit(0)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *sys.argv[4:]))
