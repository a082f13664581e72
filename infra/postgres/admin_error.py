"""What operators are told when a change or a look at PostgreSQL is not possible."""

from __future__ import annotations


class AdminStoreError(ValueError):
    """Nothing was changed; the message says why and what to do."""
