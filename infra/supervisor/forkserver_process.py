"""The process behind `forkserver.py`: it forks a child for each order and tells when one was forked and when it ended.

In: orders as JSON lines on stdin, `{"role", "log"}`. Out: `{"ready": true}`, then `{"forked": pid}` an order, and
`{"ended": pid, "code": code}` a child, as JSON lines on stdout. It ends when stdin does. The code that forks has no threads
and opens nothing but handles of its children: what a child inherits is imported code, and its two other ends are the log.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

from infra.runtime.private_files import FILE_MODE
from infra.runtime.role import end_with_parent

Live = Callable[[str], int]
"""Be the role of this name; the exit code."""


def serve(live: Live, orders: BinaryIO) -> int:
    """Fork until `orders` ends."""
    # What is here now stays as it is: looked over by nobody, its memory remains shared with the children.
    gc.collect()
    gc.freeze()
    events = selectors.DefaultSelector()
    events.register(orders, selectors.EVENT_READ)
    _report(ready=True)
    while True:
        for key, _ in events.select():
            if key.data is not None:
                events.unregister(key.fd)
                os.close(key.fd)
                _, status = os.waitpid(key.data, 0)
                _report(ended=key.data, code=os.waitstatus_to_exitcode(status))
            else:
                line = orders.readline()
                if not line:
                    return 0
                pid = _fork(live, json.loads(line))
                _report(forked=pid)
                events.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)


def _fork(live: Live, order: dict[str, Any]) -> int:
    forkserver = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        end_with_parent(forkserver)
        os.setsid()
        _talk_to(order["log"])
        code = live(order["role"])
    except BaseException:  # noqa: BLE001  why: nothing of a child may go on as a second forkserver
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


def _talk_to(log: str) -> None:
    """Standard input from nowhere, output to the log; all else that was open is the forkserver's."""
    nowhere = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, FILE_MODE)
    os.dup2(nowhere, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.closerange(3, 1024)


def _report(**what: object) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()
