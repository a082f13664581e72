"""The account's money as clients get it."""

from __future__ import annotations

import msgspec


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """An account: `available` = `balance` - `reserved`."""

    balance: str
    reserved: str
    available: str
    currency: str
