"""What schemathesis must know of us beyond the OpenAPI document, loaded by its command line (SCHEMATHESIS_HOOKS).

In: its cases. Out: numbers that exist for `format: phone`, bodies of lines, and a check in the place of its own
`positive_data_acceptance`: what the document allows may be refused for what it means, never for its form. `MEANINGS` are the
codes that say the first; each stands for something that JSON Schema cannot say.
"""

from __future__ import annotations

import json
from typing import Any

import schemathesis
from hypothesis import strategies as st

MEANINGS = frozenset(
    {
        "invalid_number",
        "too_short",
        "too_long",
        "no_route",  # a number in the right form that does not exist, or no way
        "missing_variable",  # names in the body against names of the variables
        "max_price_exceeded",
        "insufficient_balance",  # prices and balances
        "idempotency_conflict",
        "key_used",
        "part_conflict",  # what came before under this name
        "too_far_ahead",  # times against the clock
        "unknown_timezone",
        "unknown_profile",  # names that the installation knows
        42201,  # text that is no Avro schema
    }
)
REFUSED = (400, 402, 413, 415, 422)

schemathesis.openapi.format("phone", st.integers(10**6, 10**7 - 1).map(lambda number: f"+491511{number}"))


@schemathesis.serializer("application/x-ndjson")
def write_lines(_context: Any, value: Any) -> Any:
    """Text as it is, anything else as a value on a line."""
    return (value if isinstance(value, str) else json.dumps(value)).encode(errors="replace")


@schemathesis.check
def refused_for_its_meaning_alone(_context: Any, response: Any, case: Any) -> None:
    """A request in the form that the document allows."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in REFUSED:
        return
    problem = response.json()
    code = problem.get("code", problem.get("error_code"))
    assert response.status_code in (402, 422) and code in MEANINGS, f"refused for its form: {response.status_code} {problem}"
