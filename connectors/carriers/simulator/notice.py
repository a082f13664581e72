"""A delivery receipt on its way out of the simulator.

In: what became of a segment. Out: the deliver_sm that says so, as text (SMPP 3.4 appendix B), as optional parameters,
or both.
"""

import time
from functools import lru_cache
from typing import Literal

import msgspec

from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.receipt import MESSAGE_STATES

_STATE_NUMBERS = {state: number for number, state in MESSAGE_STATES.items()}
_NETWORK_GSM = 3
_OPTIONS = pdu.encode_options(0x04, "", 0, 0)


class Notice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`receipt_id` in the receipt's form; `handset` and `sender` as in the submit; `submitted_at` seconds since the
    epoch."""

    receipt_id: str
    state: str
    handset: str
    sender: str
    submitted_at: float


def encode_notice(notice: Notice, form: Literal["text", "tlv", "both"], sequence: int, now: float) -> bytes:
    """deliver_sm with the handset as source, as carriers do."""
    head = b"\0\1\1%b\0\5\0" % notice.handset.encode("latin-1")
    text = tlvs = b""
    if form != "tlv":
        text = b"id:%b %b done date:%b %b" % (
            notice.receipt_id.encode("ascii"),
            _submitted(int(notice.submitted_at) // 60, notice.state == "DELIVRD"),
            _minute(int(now) // 60),
            _outcome(notice.state),
        )
    if form != "text":
        message_id = pdu.encode_tlv(pdu.TLV_RECEIPTED_MESSAGE_ID, notice.receipt_id.encode("ascii") + b"\0")
        tlvs = message_id + _tlv_outcome(notice.state)
    sender = notice.sender.encode("latin-1")
    return pdu.encode_short_message(pdu.DELIVER_SM, sequence, head, sender, _OPTIONS, text, tlvs)


def _code(state: str) -> int:
    return 0 if state == "DELIVRD" else 1


@lru_cache(maxsize=64)
def _outcome(state: str) -> bytes:
    return b"stat:%b err:%03d text:" % (state.encode("latin-1"), _code(state))


@lru_cache(maxsize=64)
def _tlv_outcome(state: str) -> bytes:
    number = pdu.encode_tlv(pdu.TLV_MESSAGE_STATE, bytes((_STATE_NUMBERS.get(state, 7),)))
    error = pdu.encode_tlv(pdu.TLV_NETWORK_ERROR_CODE, bytes((_NETWORK_GSM,)) + _code(state).to_bytes(2, "big"))
    return number + error


@lru_cache(maxsize=256)
def _submitted(minute: int, delivered: bool) -> bytes:
    return b"sub:001 dlvrd:00%d submit date:%b" % (delivered, _minute(minute))


@lru_cache(maxsize=256)
def _minute(minute: int) -> bytes:
    return time.strftime("%y%m%d%H%M", time.gmtime(minute * 60)).encode()
