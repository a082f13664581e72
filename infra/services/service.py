"""What every embedded service is, and how it starts and stops.

In: a data folder of its own, perhaps a port. Out: an address that really answers. `Service` is the contract;
`Embedded` is the life of one program, which a service file completes with three things: prepare, command, answers.
Wrong: whatever keeps it from answering is a `ServiceError`.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Protocol

from infra.runtime.private_files import FOLDER_MODE, make_private_folder
from infra.services.errors import PortTaken, ServiceError, port_taken
from infra.services.leftovers import end_leftover, write_record
from infra.services.ports import is_free, keep_port
from infra.services.process import Child, Command, spawn

LEAST_FREE_BYTES = 256 * 1024 * 1024


class Service(Protocol):
    """A server on this machine. `address` is empty before the first start and stays the same afterwards."""

    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    def start(self) -> None:
        """Block until it really answers; also after it was killed. Raises ServiceError."""

    def stop(self) -> None:
        """End it in order; twice is harmless."""

    def alive(self) -> bool: ...


class Embedded(ABC):
    """One program with a data folder, a log file and one public port; start and stop may come from any thread."""

    name: str
    start_seconds: ClassVar[float] = 60.0
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, data: Path, port: int | None = None, *, log: Path | None = None) -> None:
        self._data = data.absolute()
        self._wished_port = port
        self._log = log.absolute() if log else self._data / f"{self.name}.log"
        self._lock = threading.Lock()
        self._child: Child | None = None
        self.address = ""

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self._child.alive() else None

    def alive(self) -> bool:
        return self._child is not None and self._child.alive()

    def start(self) -> None:
        with self._lock:
            if self.alive():
                return
            for folder in (self._data, self._log.parent):
                make_folder(folder)
                make_private_folder(folder)
            try:
                self._start_once()
            except PortTaken:
                if self._wished_port or self.address:
                    raise
                self._start_once()

    def stop(self) -> None:
        with self._lock:
            if self._child:
                self._child.stop()
                self._child = None

    def port(self, name: str = "port", wished: int | None = None) -> int:
        """The port `name` of this service: the same again after every restart."""
        return keep_port(self._data / "ports.json", name, wished, fixed=bool(self.address))

    @abstractmethod
    def prepare(self) -> None:
        """Make the data folder ready; may take seconds the first time."""

    @abstractmethod
    def command(self, port: int) -> Command:
        """How to run the program so that it listens on `port`."""

    @abstractmethod
    def answers(self, port: int) -> bool:
        """Whether it serves clients; raises nothing while it is still starting."""

    @abstractmethod
    def address_on(self, port: int) -> str:
        """What clients are told."""

    def release(self) -> None:  # noqa: B027 - most services open nothing
        """Let go of what `command` opened; called once the program runs."""

    def _start_once(self) -> None:
        record = self._data / "process.json"
        end_leftover(record, self.stop_signal)
        port = self.port(wished=self._wished_port)
        self.prepare()
        child = self._spawn(port)
        try:
            write_record(record, child.pid)
            child.wait_until(lambda: self.answers(port), self.start_seconds)
        except BaseException as error:
            child.stop()
            if isinstance(error, ServiceError) and not is_free(port):
                raise port_taken(port) from error
            raise
        self._child = child
        self.address = self.address_on(port)

    def _spawn(self, port: int) -> Child:
        try:
            return spawn(self.command(port))
        finally:
            self.release()


def read_password(file: Path) -> str:
    """The password that a service's file holds."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ServiceError(f"Cannot read the password of {file.parent}: {error}.", "Restore that file.") from error


def make_folder(folder: Path) -> None:
    """The folder, writable and with room left."""
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ServiceError(f"Cannot write to {folder}: {error.strerror}.", "Choose another data folder.") from error
    if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
        raise ServiceError(f"Less than 256 MB are free for {folder}.", "Free some space or choose another data folder.")
