"""Refusals below /registry, as clients of Confluent's registry read them: with its own codes, which begin with the status.

Enters: any problem. Leaves: `error_code` and `message` under the registry's content type.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from gateway.http.problem import Problem, ProblemForm
from gateway.registry.types import CONTENT_TYPE, RegistryFault

READ_ONLY = 42205
_WRITING = ("POST", "PUT", "PATCH", "DELETE")


class Refused(Problem):
    """A question that has no answer, with Confluent's own code for it, of which the status is the beginning."""

    def __init__(self, error_code: int, message: str) -> None:
        super().__init__(error_code // 100, "registry", message)
        self.error_code = error_code


def fault_of(problem: Problem, method: str) -> RegistryFault:
    """What a client of Confluent's registry reads of any refusal."""
    if isinstance(problem, Refused):
        return RegistryFault(error_code=problem.error_code, message=problem.detail)
    if problem.status == HTTPStatus.METHOD_NOT_ALLOWED and method in _WRITING:
        return RegistryFault(error_code=READ_ONLY, message="The registry is read-only: its schemas are those of the release")
    return RegistryFault(error_code=problem.status, message=problem.detail)


REGISTRY_FORM = ProblemForm(
    "/registry", CONTENT_TYPE, RegistryFault, lambda problem, method: msgspec.json.encode(fault_of(problem, method))
)
