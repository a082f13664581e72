"""Bounds that the settings and the command line share, where importing them costs nothing.

In: nothing. Out: numbers. Nothing can go wrong.
"""

from __future__ import annotations

HIGHEST_RATE = 1_000_000
MOST_CARRIERS_OF_A_ROUTE = 8
"""Segments per second."""
LONGEST_RECEIPT_WAIT = 365 * 86_400
"""Seconds."""
MOST_WINDOW = 100_000
MOST_BINDS = 50
