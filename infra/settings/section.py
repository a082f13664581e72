"""What all classes of settings have in common.

In: nothing. Out: the base class. Nothing can go wrong.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Frozen; an unknown key is a fault, and a fault never repeats the value: it may be a secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
