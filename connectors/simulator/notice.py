"""Delivery receipts on their way out of the simulator.

In: what became of segments. Out: the deliver_sm that says so, as text (SMPP 3.4 appendix B), as optional parameters,
or both.
"""

import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

import msgspec

from connectors.carriers.smpp import pdu
from schemas.values.receipt_states import NUMBERS

ReceiptForm = Literal["text", "tlv", "both"]

_NETWORK_GSM = 3
_HEAD = b"\0\1\1"
_OPTIONS = pdu.encode_options(0x04, "", 0, 0)


class ReceiptHead(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What receipts of one read have in common. `sender` as in the submit; `submitted_at` seconds since the epoch."""

    state: str
    sender: bytes
    submitted_at: float


class Notice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`receipt_id` in the receipt's form; `handset` as in the submit."""

    receipt_id: bytes
    handset: bytes
    fate: ReceiptHead


def encode_notices(notices: Iterable[Notice], form: ReceiptForm, sequence: int, now: float) -> list[bytes]:
    """deliver_sm with the handset as source, as carriers do; `sequence` is that of the first, the others follow.
    Raises PduError for a text that does not fit."""
    out: list[bytes] = []
    fate, middle, outcome = None, b"", b""
    minute, text, tlvs = int(now) // 60, b"", b""
    for number, notice in enumerate(notices, sequence):
        if notice.fate is not fate:
            fate = notice.fate
            middle = b"\0\5\0%b%b" % (fate.sender, _OPTIONS)
            outcome = _outcome(fate.state, int(fate.submitted_at) // 60, minute)
        if form != "tlv":
            text = b"id:%b%b" % (notice.receipt_id, outcome)
        if form != "text":
            tlvs = pdu.encode_tlv(pdu.TLV_RECEIPTED_MESSAGE_ID, notice.receipt_id + b"\0") + _tlv_outcome(fate.state)
        out.append(pdu.encode_short_message(pdu.DELIVER_SM, number, _HEAD, notice.handset, middle, text, tlvs))
    return out


def _code(state: str) -> int:
    return 0 if state == "DELIVRD" else 1


@lru_cache(maxsize=256)
def _outcome(state: str, submitted: int, done: int) -> bytes:
    """The text behind the id; times in minutes."""
    return b" sub:001 dlvrd:00%d submit date:%b done date:%b stat:%b err:%03d text:" % (
        state == "DELIVRD", _minute(submitted), _minute(done), state.encode("latin-1"), _code(state),
    )  # fmt: skip


@lru_cache(maxsize=64)
def _tlv_outcome(state: str) -> bytes:
    number = pdu.encode_tlv(pdu.TLV_MESSAGE_STATE, bytes((NUMBERS.get(state, 7),)))
    error = pdu.encode_tlv(pdu.TLV_NETWORK_ERROR_CODE, bytes((_NETWORK_GSM,)) + _code(state).to_bytes(2, "big"))
    return number + error


def _minute(minute: int) -> bytes:
    return time.strftime("%y%m%d%H%M", time.gmtime(minute * 60)).encode()
