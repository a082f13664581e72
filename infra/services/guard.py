"""The step between us and a service: drop rights, tie its life to ours, become it.

Run as a script, by path, with `python -I -S`: `guard.py SIGNAL PARENT UID GID PROGRAM ARGUMENT...`
In: the signal that the kernel shall send when the parent ends, the parent's pid, the ids to take (-1: keep).
Out: nothing of its own; the process becomes PROGRAM under the same pid. Wrong: exit 127 with a line on stderr.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Order matters: a change of user clears the parent-death signal, so it is asked for afterwards."""
    signal, parent, uid, gid = (int(value) for value in arguments[:4])
    program = arguments[4:]
    libc = ctypes.CDLL(None, use_errno=True)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if libc.prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0:
        sys.exit(f"prctl failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("the process that asked for this one has already ended")
    try:
        os.execv(program[0], program)
    except OSError as error:
        sys.stderr.write(f"cannot run {program[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
