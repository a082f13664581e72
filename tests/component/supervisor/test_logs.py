"""Logs: JSON lines with the role, also from threads and libraries, and nothing about people in them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

from structlog.testing import capture_logs

from infra.telemetry import logs

PROGRAM = """
import logging, threading
import structlog
from infra.telemetry.logs import Personal, configure_logs
configure_logs("info", role="delay", instance="delay-0", pool=None)
log = structlog.get_logger()
log.debug("not shown", action="hidden")
log.info("sent to +4915112345678", action="a", to=Personal("text"), body=b"bytes", many=["+4915112345678", 7], place=(1, 2))
thread = threading.Thread(target=lambda: log.warning("from a thread", action="b"))
thread.start()
thread.join()
logging.getLogger("library").error("told by %s", "a library")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("went wrong", action="c")
"""


def test_lines() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "4915112345678" not in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["action"] for line in lines] == ["a", "b", "library", "c"]
    assert all((line["role"], line["instance"]) == ("delay", "delay-0") and "pool" not in line for line in lines)
    assert (lines[0]["to"], lines[0]["body"], lines[0]["many"]) == ("***", "<5 bytes>", ["+***", 7])
    assert lines[2]["event"] == "told by a library"
    assert "ZeroDivisionError" in lines[3]["exception"]


FULL = """
import logging
import structlog
from infra.runtime.console import tell
from infra.runtime.role import _leave
from infra.telemetry.logs import configure_logs
configure_logs("info", role="delay")
log = structlog.get_logger()
for _ in range(3):
    log.error("nowhere to say it", action="a")
    logging.getLogger("library").error("nor for a library")
    tell("nor for a command")
print("went on", flush=True)
_leave(7)
"""


def test_a_line_that_cannot_be_written_is_lost_and_nothing_else() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([sys.executable, "-c", FULL], stdout=subprocess.PIPE, stderr=full, text=True, check=False)
    assert (done.stdout, done.returncode) == ("went on\n", 7)


CHILD = """
import os
from infra.supervisor.forkserver_process import _fork
def live(name):
    raise RuntimeError(name)
try:
    pid = _fork(live, {"role": "delay", "log": "/dev/full"})
except BaseException:
    os._exit(5)  # a child that goes on as what its parent is
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def test_a_child_of_the_forkserver_ends_though_it_cannot_say_why() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "1\n"


def test_what_a_library_repeats_comes_once_in_ten_seconds() -> None:
    now = 100.0
    handler = logs._Forward(lambda: now)

    def say(form: str, *values: object, **extra: object) -> None:
        handler.handle(
            logging.makeLogRecord({"name": "client", "levelno": logging.WARNING, "msg": form, "args": values, **extra})
        )

    with capture_logs() as entries:
        for port in range(5):
            say("no connection to %s", port)
        say("something else")
        say("ours", fields={"action": "ours"})
        say("ours", fields={"action": "ours"})
        now += 10
        say("no connection to %s", 6)
    assert [entry["event"] for entry in entries] == [
        "no connection to 0",
        "something else",
        "ours",
        "ours",
        "no connection to 6",
    ]
    assert [entry.get("left_out") for entry in entries] == [None, None, None, None, 4]
