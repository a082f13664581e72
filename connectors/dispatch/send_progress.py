"""Which positions of which send this owner knows: waiting, in flight or done.

In: slices as they are read, positions as they are settled. Out: the positions of a slice that are new. A position that was
claimed once is never given out again as long as its send is remembered; sends are forgotten, the oldest first, only when
nothing of them is open.
"""

from __future__ import annotations

from collections import OrderedDict

SendKey = tuple[str, int]
"""(chunk, number of the send)."""


class SendProgress:
    """By send the positions that are known: waiting, in flight and done alike, for none of them may be sent again."""

    def __init__(self, remembered: int = 50_000) -> None:
        self._remembered = remembered
        self._known: OrderedDict[SendKey, int] = OrderedDict()
        self._open: dict[SendKey, int] = {}

    def known(self, send_key: SendKey) -> int:
        """Positions of this send that are known."""
        return self._known.get(send_key, 0)

    def mark(self, send_key: SendKey, positions: int) -> None:
        """These positions need nothing any more: settled before, or started by another owner."""
        self._known[send_key] = self._known.pop(send_key, 0) | positions
        self._forget()

    def claim(self, send_key: SendKey, positions: int) -> int:
        """Those of these positions that are new; they are open from now on."""
        known = self._known.pop(send_key, 0)
        claimed = positions & ~known
        self._known[send_key] = known | claimed
        if claimed:
            self._open[send_key] = self._open.get(send_key, 0) + claimed.bit_count()
        self._forget()
        return claimed

    def close(self, send_key: SendKey, count: int) -> None:
        """So many positions of this send are settled or handed back, and the log has acknowledged it."""
        left = self._open.get(send_key, 0) - count
        if left > 0:
            self._open[send_key] = left
        else:
            self._open.pop(send_key, None)

    def _forget(self) -> None:
        excess = len(self._known) - self._remembered
        for send_key in list(self._known)[: 2 * excess] if excess > 0 else ():
            if send_key not in self._open:
                del self._known[send_key]
