"""What an account may do: its senders, its lanes, its money.

Enters: an account as last known, and what a request wants. Leaves: nothing, or a Problem: 422 for a sender that cannot
be, for a campaign dearer than its own limit and for what is dearer than amounts can be, 403 for a sender or a lane that is
not this account's, 402 when not even the cheapest message could be paid, 503 while an operator has stopped it.
"""

from __future__ import annotations

from gateway.auth.accounts import Account
from gateway.http.problem import Fault, Problem, refusal, unavailable
from schemas.rules.stops import Stop, is_stopped
from schemas.values.money import MAX_AMOUNT, format_amount
from schemas.values.reasons import Reason
from schemas.values.sender import SenderError, parse_sender


def check_sender(account: Account, sender: str, lane: str) -> None:
    """The sender is one, and this account may use it in this lane."""
    try:
        parse_sender(sender)
    except SenderError as fault:
        raise refusal("/from", fault.code, fault.detail) from None
    if account.senders is not None and sender not in account.senders:
        raise _forbidden("/from", Reason.SENDER_NOT_ALLOWED, "this account may not use this sender")
    if lane not in account.lanes:
        raise _forbidden("/lane", Reason.LANE_NOT_ALLOWED, f"this account may not use the lane {lane}")


def check_stopped(stops: frozenset[Stop], account: Account, sender: str) -> None:
    """No emergency stop covers what this account sends."""
    if is_stopped(stops, account.tenant, sender):
        raise unavailable("stopped", "an operator has stopped this; try again when the stop is lifted")


def check_balance(available: int, cheapest: int, pointer: str = "/recipients") -> None:
    """At least one message can be paid. `pointer`: what makes the cheapest so dear, if no amount can hold its price."""
    if cheapest > 0 and available < cheapest:
        check_amount(cheapest, pointer)
        raise Problem(
            402,
            "insufficient_balance",
            f"{format_amount(max(available, 0))} is available, the cheapest message costs {format_amount(cheapest)}",
        )


def check_amount(price: int, pointer: str = "/recipients") -> None:
    """Amounts can hold this price."""
    if price > MAX_AMOUNT:
        raise refusal(
            pointer,
            "amount_out_of_range",
            f"the messages would cost more than {format_amount(MAX_AMOUNT)}, the most that an amount can be",
        )


def check_price(limit: int | None, price: int) -> None:
    """A campaign of this price stays within its `max_price`, and within what amounts can hold."""
    check_amount(price)
    if limit is not None and price > limit:
        raise refusal(
            "/max_price",
            "max_price_exceeded",
            f"the campaign would cost {format_amount(price)}, its limit is {format_amount(limit)}",
        )


def _forbidden(pointer: str, code: str, detail: str) -> Problem:
    return Problem(403, code, detail, [Fault(pointer=pointer, code=code, detail=detail)])
