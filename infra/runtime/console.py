"""What a program says to people: sentences on stderr, so that stdout holds results alone.

In: a sentence. Out: a line. Nothing raises.
"""

from __future__ import annotations

import sys
from contextlib import suppress


def tell(sentence: str) -> None:
    """A sentence for people, on stderr. Lost when that cannot be written: whoever tells has other things to do."""
    with suppress(OSError):
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()
