"""What goes wrong with an embedded service: one sentence for the operator and the next step.

In: a cause found by one of the service files. Out: `ServiceError`, whose text is printed as it is.
"""

from __future__ import annotations


class ServiceError(Exception):
    """A service cannot be had: `problem` says what is wrong, `next_step` what to do about it."""

    def __init__(self, problem: str, next_step: str) -> None:
        super().__init__(f"{problem} {next_step}")
        self.problem = problem
        self.next_step = next_step


class PortTaken(ServiceError):
    """Another program listens where the service was to listen."""


def port_taken(port: int) -> PortTaken:
    return PortTaken(f"Port {port} on the loopback address is taken by another program.", "Stop it or give another port.")
