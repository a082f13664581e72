"""Logs: JSON lines with the role, also from threads and libraries, and nothing about people in them."""

from __future__ import annotations

import json
import subprocess
import sys

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
