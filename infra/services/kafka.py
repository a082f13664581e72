"""Apache Kafka on this machine: one KRaft node on the loopback address, its own folder, no Docker.

In: a data folder, perhaps a port. Out: a broker that has answered a metadata request with itself in it.
Wrong: no Java, no jars and no network to fetch them, a port taken, a damaged folder: `ServiceError`.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from infra.runtime.private_files import replace_private_file
from infra.services.class_archive import archive_option
from infra.services.jars import kafka_jars
from infra.services.java import Java, find_java
from infra.services.kafka_probe import knows_itself
from infra.services.ports import loopback_in_url
from infra.services.process import Command, spawn
from infra.services.service import Embedded
from infra.settings.environment import for_java

HERE = Path(__file__).parent
Tuning = Literal["fast", "bench"]
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]{1,200}")
# Trap: with the serial collector, or with a large young generation, a pause takes 15 to 80 ms instead of 5, and three hops
# of every code stand still for it.
_COLLECTOR = ("-Xmn40m", "-XX:+UseParallelGC", "-XX:ParallelGCThreads=2")
MEMORY: dict[Tuning, tuple[str, ...]] = {
    "fast": ("-Xms128m", "-Xmx256m", *_COLLECTOR, "-XX:TieredStopAtLevel=1"),
    "bench": ("-Xms256m", "-Xmx1g", *_COLLECTOR, "-XX:TieredStopAtLevel=1"),
}


class KafkaService(Embedded):
    """`tuning`: `fast` starts soon and stays small; `bench` has a larger heap.

    `cache`: where the jars are kept; `record_classes`: leave an archive of the classes used there when it stops.
    `more`: settings of the broker that replace or complete ours; `{client}` and `{controller}` in them are the ports.
    """

    name = "kafka"

    def __init__(
        self,
        data: Path,
        port: int | None = None,
        tuning: Tuning = "fast",
        *,
        log: Path | None = None,
        cache: Path | None = None,
        record_classes: Path | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(data, port, log=log)
        self._more = "".join(f"{name}={value}\n" for name, value in (more or {}).items())
        self._tuning = tuning
        self._cache = cache
        self._record_classes = record_classes
        self._java: Java | None = None
        self._jars = Path()
        self._folder: int | None = None

    def prepare(self) -> None:
        """Find Java and jars; format the storage once, so that a kill in between leaves nothing half done."""
        self._java = self._java or find_java()
        self._jars = kafka_jars(self._cache)
        logs = self._data / "logs"
        if (logs / "meta.properties").exists():
            return
        fresh = self._data / "logs.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self._format(fresh.name)
        fresh.rename(logs)

    def command(self, port: int) -> Command:
        properties = self._write_properties("server.properties", "logs", port, self.port("controller"))
        recording = (f"-XX:ArchiveClassesAtExit={self._record_classes}",) if self._record_classes else ()
        return self._run(*recording, "kafka.Kafka", properties)

    def answers(self, port: int) -> bool:
        return knows_itself(port)

    def address_on(self, port: int) -> str:
        return f"{loopback_in_url()}:{port}"

    def release(self) -> None:
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None

    def _format(self, fresh: str) -> None:
        properties = self._write_properties("format.properties", fresh, 1, 2)
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        cluster = cluster.replace("-", "A", 1) if cluster.startswith("-") else cluster
        # Trap: `--standalone` takes the controller's address from the properties and cannot read one of IPv6.
        voter = f"1@{loopback_in_url()}:2:{cluster}"
        tool = ("kafka.tools.StorageTool", "format", "--initial-controllers", voter, "-t", cluster, "-c", properties)
        try:
            spawn(self._run(*tool)).finish(self.start_seconds)
        finally:
            self.release()
        (self._data / "format.properties").unlink()

    def _write_properties(self, name: str, logs: str, client: int, controller: int) -> str:
        """Where Kafka finds its settings, whose log is the folder `logs`."""
        place = self._place()
        template = (HERE / "server.properties").read_text(encoding="utf-8")
        replace_private_file(
            self._data / name,
            template.format(logs=f"{place}/{logs}", host=loopback_in_url(), client=client, controller=controller)
            + self._more.replace("{client}", str(client)).replace("{controller}", str(controller)),
        )
        return f"{place}/{name}"

    def _place(self) -> str:
        """The data folder as Kafka is told it: by path, or passed on open.

        Trap: Java reads this file as Latin-1 with backslashes as escapes, `log.dirs` is a list with commas between and
        spaces trimmed, and under a locale of C a Java finds no path with an umlaut. An open folder has a plain name.
        """
        if _PLAIN_PATH.fullmatch(str(self._data)):
            return str(self._data)
        self.release()
        self._folder = os.open(self._data, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._folder}"

    def _run(self, *arguments: str) -> Command:
        """A JVM with Kafka's classes; `arguments`: more options, the class to run, what it is told."""
        assert self._java is not None, "prepare comes first"
        # Trap: an archive fits only the very class path it was made with, so the jars stand in a fixed order.
        options = (
            *MEMORY[self._tuning],
            *(() if self._record_classes else archive_option(self._java, self._jars)),
            "-XX:-UsePerfData",
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={(HERE / 'log4j2.yaml').as_uri()}",
            "-cp",
            os.pathsep.join(str(jar) for jar in sorted(self._jars.glob("*.jar"))),
        )
        return Command(
            name="Kafka",
            argv=(str(self._java.path), *options, *arguments),
            log=self._log,
            env=for_java(),
            keep_fds=() if self._folder is None else (self._folder,),
        )
