"""Why a message waits, goes round again, ends or becomes a dead letter: every reason there is, once.

A step, dispatch, settlement, the stage receipts or the gateway names one of these for whatever it does not simply pass on; a
reason that nobody gives is not in the table (a test looks).
Enters: nothing. Leaves: the reason's code (API, logs, metrics), its number (storage), what is done with the message,
and a sentence for the operator. Wrong: an unknown number raises ValueError.

    hold ── nothing is wrong, it is not its turn
      draft, paused, scheduled        the sender's own wish
      closed_hours                    the hours of the campaign, or the quiet hours of the tenant
      room, balance                   carrier or account has no room at the moment
      share                           its profile's share of the carrier's rate is used up
      cap                             the tenant has sent what it may send in a day or a month
      stopped                         an operator's emergency stop
      carrier_stopped, carrier_down   nothing is started at the carrier; another one of its route takes over
      no_carrier                      dispatch serves that carrier no more; it waits for room again
    retry ── tried, worth another try
      throttled                       the carrier said "not now" for this destination; counts as no attempt
      carrier_transient               the carrier said "not now"
    reject ── refused before any carrier was called
      bad_destination, missing_variable, too_long, bad_text                  the message itself
      sender_not_allowed, lane_not_allowed, insufficient_balance, cap_reached    what the account allows
      no_route                                                               nobody carries messages there
      canceled, validity_ended                                               its time is over
    fail ── the last word after a call
      carrier_permanent, partial                                on submit
      attempts_exhausted, too_old, not_retried                  "not now" once too often, too late, or not to be tried again
      carrier_expired, carrier_rejected, carrier_undelivered    by receipt
    dead letter ── a dead letter for the operator, with the original bytes
      undecodable, poison, step_failed, crash_loop              we could not handle it
      carrier_unknown_error                                     the carrier's answer is in no table; the message failed
    info ── explains a state and decides nothing
      none
      answer_timeout, connection_lost, owner_lost               why it is uncertain
      no_receipt                                                why it stays where it is
      unlisted_part                                             why a copy was dropped
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Disposition(StrEnum):
    """What is done with a message that has this reason."""

    HOLD = "hold"
    RETRY = "retry"
    DEAD_LETTER = "dead_letter"
    REJECT = "reject"
    FAIL = "fail"
    INFO = "info"


_HOLD, _RETRY, _DEAD = Disposition.HOLD, Disposition.RETRY, Disposition.DEAD_LETTER
_REJECT, _FAIL, _INFO = Disposition.REJECT, Disposition.FAIL, Disposition.INFO


class Reason(StrEnum):
    """Code, number, disposition, sentence. Numbers are stored: one is never changed, nor used again; the gaps had
    reasons before."""

    number: int
    disposition: Disposition
    sentence: str

    def __new__(cls, code: str, number: int = 0, disposition: Disposition = _INFO, sentence: str = "") -> "Reason":
        reason = str.__new__(cls, code)
        reason._value_ = code
        reason.number, reason.disposition, reason.sentence = number, disposition, sentence
        return reason

    NONE = "none", 0, _INFO, "Nothing to explain."

    DRAFT = "draft", 1, _HOLD, "The campaign is a draft; it goes out after start."
    ROOM = "room", 2, _HOLD, "The carrier has no room at the moment, or others wait before it; it goes on by itself."
    SHARE = "share", 14, _HOLD, "It takes its turn within its profile's share of the carrier's rate; it goes on by itself."
    BALANCE = "balance", 3, _HOLD, "The account's balance is used up; it goes on after a credit."
    CARRIER_DOWN = "carrier_down", 8, _HOLD, "Its carrier is down or stopped; the next one of its route takes it."
    NO_CARRIER = "no_carrier", 7, _HOLD, "The carrier is not served at the moment; it waits until it is."

    PAUSED = "paused", 6, _HOLD, "The campaign is paused; it goes on after resume."
    SCHEDULED = "scheduled", 9, _HOLD, "Its time has not come."
    CLOSED_HOURS = "closed_hours", 10, _HOLD, "Outside the campaign's hours, or within quiet hours; it goes when they open."
    CARRIER_STOPPED = "carrier_stopped", 12, _HOLD, "The carrier's rate is 0; it goes on when the carrier gets a rate again."
    CAP = "cap", 13, _HOLD, "The tenant has sent what it may in a day or a month; it goes in the next one."
    STOPPED = "stopped", 11, _HOLD, "An operator has stopped it; it goes on when the stop is lifted."

    THROTTLED = "throttled", 20, _RETRY, "The carrier has no room for it now; it is tried again later and counts no attempt."
    CARRIER_TRANSIENT = "carrier_transient", 21, _RETRY, "The carrier refused it for the moment; it is tried again."

    BAD_DESTINATION = "bad_destination", 40, _REJECT, "The destination is not a number that can receive messages."
    MISSING_VARIABLE = "missing_variable", 41, _REJECT, "The text has a placeholder for which no value was given."
    TOO_LONG = "too_long", 42, _REJECT, "The rendered text has more segments than one message can have."
    BAD_TEXT = "bad_text", 43, _REJECT, "The rendered text holds characters that no message can carry."
    SENDER_NOT_ALLOWED = "sender_not_allowed", 44, _REJECT, "The tenant may not use this sender; allow it, then retry."
    LANE_NOT_ALLOWED = "lane_not_allowed", 45, _REJECT, "The tenant may not use this lane; allow it, then retry."
    NO_ROUTE = "no_route", 46, _REJECT, "No route leads to this destination; set one, then retry."
    CANCELED = "canceled", 47, _REJECT, "It was canceled before it was sent."
    VALIDITY_ENDED = "validity_ended", 48, _REJECT, "Its validity ended before it could be handed to a carrier."
    INSUFFICIENT_BALANCE = (
        "insufficient_balance",
        49,
        _REJECT,
        "The balance did not suffice, and this tenant does not wait for a credit.",
    )

    CAP_REACHED = "cap_reached", 51, _REJECT, "The tenant's cap is reached, and it does not wait for the next day or month."

    CARRIER_PERMANENT = "carrier_permanent", 60, _FAIL, "The carrier refused it for good; its code says why."
    PARTIAL = "partial", 61, _FAIL, "The carrier took some of its segments and refused another for good."
    ATTEMPTS_EXHAUSTED = (
        "attempts_exhausted",
        85,
        _FAIL,
        "The carrier refused it for the moment, at every attempt that is allowed.",
    )
    TOO_OLD = (
        "too_old",
        86,
        _FAIL,
        "The carrier refused it for the moment, and its validity, or its retry strategy's, ends before another attempt.",
    )
    NOT_RETRIED = (
        "not_retried",
        87,
        _FAIL,
        "The carrier refused it for the moment, and its retry strategy does not try again.",
    )
    CARRIER_EXPIRED = "carrier_expired", 62, _FAIL, "The carrier could not deliver it within its validity."
    CARRIER_REJECTED = "carrier_rejected", 63, _FAIL, "The carrier took it, and rejected it afterwards."
    CARRIER_UNDELIVERED = "carrier_undelivered", 64, _FAIL, "The carrier reports that it could not be delivered."

    POISON = "poison", 80, _DEAD, "Handling it fails every time, alone as well; see the error, replay after the repair."
    UNDECODABLE = "undecodable", 81, _DEAD, "The record's bytes cannot be read with any schema we know."
    STEP_FAILED = "step_failed", 82, _DEAD, "A step raised an error on it; replay after the repair."
    CRASH_LOOP = "crash_loop", 83, _DEAD, "Whichever process sends it ends without an answer; look before a replay."
    CARRIER_UNKNOWN_ERROR = (
        "carrier_unknown_error",
        84,
        _DEAD,
        "The carrier gave a code that no table lists; classify it, then replay.",
    )

    ANSWER_TIMEOUT = "answer_timeout", 100, _INFO, "The carrier did not answer in time; it may have the message."
    CONNECTION_LOST = "connection_lost", 101, _INFO, "The connection broke before the answer; it may have the message."
    OWNER_LOST = "owner_lost", 102, _INFO, "The process that sent it ended before it noted the answer."
    NO_RECEIPT = "no_receipt", 104, _INFO, "The carrier took it and sent no receipt within the agreed time."
    UNLISTED_PART = "unlisted_part", 106, _INFO, "Of an upload that was never answered; dropped, not counted."


_BY_NUMBER: Mapping[int, Reason] = MappingProxyType({reason.number: reason for reason in Reason})


def reason_of(number: int) -> Reason:
    """The reason stored under this number."""
    try:
        return _BY_NUMBER[number]
    except KeyError:
        raise ValueError(f"no reason has the number {number}") from None
