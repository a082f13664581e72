"""The priority of a process below others, also where the kernel weighs sessions instead of processes.

In: a nice value, 0 to 19. Out: nothing; the kernel knows it. With `sched_autogroup` on, as most desktops and servers have
it, a nice value counts only among processes of one session, and every role has a session of its own: there the session
itself gets the value. What cannot be set (another system, a container that hides it) stays as it was.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
from pathlib import Path

import structlog

SESSION = Path("/proc/self/autogroup")
TRIES = 100
log = structlog.get_logger()


def lower_session_priority(nice: int, tries: int = TRIES) -> None:
    """Among all sessions; only for a session that this process leads. To be called inside a loop, returns at once.

    The kernel takes ten such words a second from all of a machine's ordinary users together: it is said again until heard.
    """
    if not nice or os.getsid(0) != os.getpid():
        return
    try:
        SESSION.write_text(str(nice), encoding="utf-8")
    except OSError as fault:
        if fault.errno == errno.EAGAIN and tries > 1:
            asyncio.get_running_loop().call_later(random.uniform(0.1, 0.3), lower_session_priority, nice, tries - 1)
        else:
            log.info("the kernel weighs this session as any other", action="session_weight", fault=str(fault))
