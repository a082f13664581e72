"""Loopback ports: find a free one, and keep it across restarts; what speaks against listening on an address.

In: a wished port or None, and the file that remembers the last choice. Out: a port that was free a moment ago.
Wrong: the wished or remembered port belongs to another program: `PortTaken`, unless we had chosen it ourselves and
nobody depends on it yet; then another one is chosen.
"""

from __future__ import annotations

import errno
import json
import random
import socket
from functools import cache
from pathlib import Path

from infra.runtime.private_files import replace_private_file
from infra.services.errors import ServiceError, port_taken

_LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
LOWEST = 15_000
# Trap: a port inside the ephemeral range may become the local end of somebody's outgoing connection while its service
# is down for a second, and then cannot be listened on again. Linux says where that range begins.
EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
DEFAULT_EPHEMERAL_START = 32_768


@cache
def loopback() -> str:
    """The loopback address: that of IPv4, and of IPv6 only where a machine has no other."""
    return next((address for family, address in _LOOPBACKS if _binding_fault(family, (address, 0)) is None), "127.0.0.1")


def loopback_in_url() -> str:
    """The same as it stands before a colon and a port."""
    return f"[{loopback()}]" if ":" in loopback() else loopback()


def is_free(port: int) -> bool:
    """Whether a listener on the loopback address could take this port now."""
    return _binding_fault(_loopback_family(), (loopback(), port)) is None


def _loopback_family() -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in loopback() else socket.AF_INET


def listening_fault(host: str, port: int) -> OSError | None:
    """What would keep a listener from this address now; None: nothing. A name stands for all its addresses."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except UnicodeError:  # a name with a part that is empty or too long
        return socket.gaierror(socket.EAI_NONAME, "no such name")
    except OSError as fault:
        return fault
    places = {(family, address) for family, _, _, _, address in found}
    faults = [_binding_fault(family, address) for family, address in places]
    # A listener leaves out the families that the machine does not have, as long as one is left.
    known = [fault for fault in faults if fault is None or fault.errno != errno.EAFNOSUPPORT]
    if not known:
        return OSError(errno.EADDRNOTAVAIL, "no such address here")
    return next((fault for fault in known if fault is not None), None)


def _binding_fault(family: int, address: tuple[object, ...]) -> OSError | None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
    except OSError as fault:
        return fault
    return None


def promise(port: int) -> socket.socket | None:
    """A claim to this port that other stacks of this machine see until it is closed; None: another one has it.

    It lies in Linux's own name space of sockets, which forgets it with its process.
    """
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0sluice-port-{port}")
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            claim.close()
            return None
    return claim


def free_port() -> int:
    """A free port below the ephemeral range, chosen at random so that two stacks starting together do not meet."""
    highest = _ephemeral_start() - 1
    if highest <= LOWEST:
        return _ephemeral_port()
    for _ in range(200):
        port = random.randint(LOWEST, highest)
        if is_free(port):
            return port
    return _ephemeral_port()


def keep_port(memory: Path, name: str, wished: int | None, *, fixed: bool = False) -> int:
    """The port `name` of the service whose choices stand in the JSON file `memory`.

    `wished` wins; then the remembered one; then a free one, which is remembered. `fixed`: the address is in use by
    others already, so a port of our own choice is not exchanged either.
    """
    remembered = _remembered(memory)
    port = wished or remembered.get(name)
    if port is None or (not wished and not fixed and not is_free(port)):
        port = free_port()
    elif not is_free(port):
        raise port_taken(port)
    if remembered.get(name) != port:
        _write(memory, {**remembered, name: port})
    return port


def _remembered(memory: Path) -> dict[str, int]:
    try:
        found = json.loads(memory.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): int(port) for name, port in found.items()} if isinstance(found, dict) else {}


def _write(memory: Path, ports: dict[str, int]) -> None:
    try:
        replace_private_file(memory, json.dumps(ports))
    except OSError as error:
        raise ServiceError(f"Cannot write {memory}: {error.strerror}.", "Make the data folder writable.") from error


def _ephemeral_start() -> int:
    try:
        return int(EPHEMERAL_RANGE.read_text(encoding="utf-8").split()[0])
    except (OSError, ValueError, IndexError):
        return DEFAULT_EPHEMERAL_START


def _ephemeral_port() -> int:
    with socket.socket(_loopback_family(), socket.SOCK_STREAM) as probe:
        probe.bind((loopback(), 0))
        return int(probe.getsockname()[1])
