"""PostgreSQL on this machine: TCP on the loopback address only, a password made once, the database `sluice`.

In: a data folder, perhaps a port. Out: a server that has answered SELECT over TCP. Works for root too, below folders
that are closed to everybody else: the server gets its data folder as an open file descriptor.
Wrong: package missing, port taken, another major version's data, a damaged cluster: `ServiceError`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from infra.runtime.private_files import FOLDER_MODE, replace_private_file
from infra.services.errors import ServiceError
from infra.services.leftovers import end_processes, processes_in
from infra.services.ports import loopback, loopback_in_url
from infra.services.postgres_runtime import programs, unprivileged_user
from infra.services.process import Command, spawn
from infra.services.service import Embedded, read_password

DATABASE = "sluice"
SUPERUSER = "postgres"
SETTINGS = {
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "autovacuum": "on",
}
INITDB_OPTIONS = ("--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--no-sync")
# Nothing of ours: PGDATA, PGPORT and their like would reach the server's programs.
# PostgreSQL cuts longer paths off.
LONGEST_PATH = 500
ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}


class PostgresService(Embedded):
    """One server. It is stopped with SIGINT, because SIGTERM would wait for every client to leave."""

    name = "postgres"
    stop_signal = signal.SIGINT

    def __init__(
        self, data: Path, port: int | None = None, *, log: Path | None = None, more: Mapping[str, str] | None = None
    ) -> None:
        """`more`: settings of the server that replace or complete ours."""
        super().__init__(data, port, log=log)
        self._settings = {**SETTINGS, **(more or {})}
        self._cluster = self._data / "cluster"
        self._folder: int | None = None

    def prepare(self) -> None:
        """Make the cluster once, so that a kill in between leaves nothing half done; clear what a kill left later."""
        if not self._cluster.exists():
            self._create_cluster()
        _forget_killed_server(self._cluster)

    def command(self, port: int) -> Command:
        settings = tuple(part for key, value in self._settings.items() for part in ("-c", f"{key}={value}"))
        return self._run("postgres", self._cluster, "-c", f"port={port}", "-c", f"listen_addresses={loopback()}", *settings)

    def answers(self, port: int) -> bool:
        try:
            with self._connect(port) as connection:
                known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
                if known is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True

    def address_on(self, port: int) -> str:
        return f"postgresql://{SUPERUSER}:{self._password()}@{loopback_in_url()}:{port}/{DATABASE}"

    def release(self) -> None:
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None

    def _create_cluster(self) -> None:
        user = unprivileged_user(self._cluster)
        fresh = self._data / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=FOLDER_MODE)
        password = self._make_password()
        if user:
            os.chown(fresh, *user)
            os.chown(password, *user)
        with password.open("rb") as secret:
            pwfile = f"--pwfile=/proc/self/fd/{secret.fileno()}"
            options = ("--username", SUPERUSER, pwfile, *INITDB_OPTIONS)
            command = self._run("initdb", fresh, *options, keep_fds=(secret.fileno(),))
            try:
                spawn(command).finish(self.start_seconds)
            finally:
                self.release()
        fresh.rename(self._cluster)

    def _run(self, program: str, cluster: Path, *arguments: str, keep_fds: tuple[int, ...] = ()) -> Command:
        """`program -D cluster ...`; the folder is passed on open where its parents may be closed to the user, or where its
        path is too long."""
        self.release()
        user = unprivileged_user(cluster)
        folder = str(cluster)
        if user or len(os.fsencode(cluster)) > LONGEST_PATH:
            self._folder = os.open(cluster, os.O_RDONLY | os.O_DIRECTORY)
            folder, keep_fds = f"/proc/self/fd/{self._folder}", (*keep_fds, self._folder)
        return Command(
            name="PostgreSQL",
            argv=(str(programs() / program), "-D", folder, *arguments),
            log=self._log,
            env=ENVIRONMENT,
            stop_signal=self.stop_signal,
            user=user,
            keep_fds=keep_fds,
        )

    def _make_password(self) -> Path:
        file = self._data / "password"
        replace_private_file(file, secrets.token_urlsafe(24))
        return file

    def _password(self) -> str:
        return read_password(self._data / "password")

    def _connect(self, port: int) -> psycopg.Connection[tuple[object, ...]]:
        facts = make_conninfo(
            host=loopback(), port=port, user=SUPERUSER, password=self._password(), dbname="postgres", connect_timeout=2
        )
        return psycopg.connect(facts, autocommit=True)


def _forget_killed_server(cluster: Path) -> None:
    """End what a killed server left running here and drop its lock file.

    Trap: the lock file names a pid; after a kill that pid may belong to any other program of the same user, and the
    server would refuse to start. Whether a server works in this folder is asked of the processes instead.
    """
    left = processes_in(cluster, "postgres")
    end_processes(left, signal.SIGQUIT)
    if processes_in(cluster, "postgres"):
        raise ServiceError(f"A PostgreSQL still serves {cluster}.", f"Stop it first (process {left[0]}).")
    (cluster / "postmaster.pid").unlink(missing_ok=True)
