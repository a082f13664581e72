"""The account's money as clients get it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

_RESERVED = (
    "Of the balance: the price of messages on their way. A carrier that takes a message turns it into a charge, a message "
    "that fails, is rejected, expires or is canceled gives it back"
)


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """An account: `available` = `balance` - `reserved`."""

    balance: Annotated[str, Meta(description="Credited, less what was charged", examples=["100.0000"])]
    reserved: Annotated[str, Meta(description=_RESERVED, examples=["0.7000"])]
    available: Annotated[str, Meta(description="What new messages may cost: balance less reserved", examples=["99.3000"])]
    currency: Annotated[str, Meta(description="The one of the installation", examples=["EUR"])]
