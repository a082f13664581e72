"""Whether a role of ours could listen where the settings say, asked before anything is started.

In: the section of the settings, its host and port, how a port is given. Out: nothing, or `Refusal` with what is wrong and
what to change. Somebody may still take the port between the question and the start.
"""

from __future__ import annotations

import errno
import socket

from infra.runtime.refusal import Refusal
from infra.services.ports import listening_fault


def check_place(section: str, host: str, port: int, option: str) -> None:
    """Return when host and port can be listened on. `option`: how another port is given, for people."""
    fault = listening_fault(host, port)
    if fault is None:
        return
    another_host = f"set {section}.host to an address of this machine (127.0.0.1 = here alone, 0.0.0.0 = all)"
    another_port = f"{option} (0 = any)"
    if isinstance(fault, socket.gaierror):
        raise Refusal(f"{section}.host {host} is no name that this machine can resolve", another_host)
    if fault.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        raise Refusal(f"{section}.host {host} is not an address of this machine", another_host)
    if fault.errno == errno.EADDRINUSE:
        raise Refusal(f"port {port} is taken by another program", f"stop it or {another_port}")
    if fault.errno in (errno.EACCES, errno.EPERM):
        raise Refusal(f"port {port} may not be opened by this user", f"from 1024 on it needs no permission: {another_port}")
    raise Refusal(f"{section}.host {host}, port {port}: {fault.strerror}", f"{another_host} or {another_port}")
