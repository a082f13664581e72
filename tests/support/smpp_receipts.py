"""Receipts as carriers send them, as PDUs and as they are read."""

from __future__ import annotations

from connectors.carriers.contract import Receipt
from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.receipt_reader import ReceiptReader

RECEIPT = b"id:1 sub:001 dlvrd:001 submit date:2603041729 done date:2603041730 stat:DELIVRD err:000 text:"
STANDARD = "id:0123456789 sub:001 dlvrd:001 submit date:2603041729 done date:2603041730 stat:DELIVRD err:000 text:Hello"


def deliver(sequence: int, text: bytes, esm_class: int = 4) -> bytes:
    options = pdu.encode_options(esm_class, "", 0, 0)
    return pdu.encode_short_message(pdu.DELIVER_SM, sequence, b"\0\1\1491\0\5\0", b"Sluice", options, text)


def read(
    text: str | bytes,
    *,
    esm_class: int = 0x04,
    coding: int = 0,
    source: str = "4915112345678",
    tlvs: bytes = b"",
    destination: bytes = b"Sluice",
    own_states: dict[str, str] | None = None,
) -> Receipt | None:
    raw = text if isinstance(text, bytes) else text.encode("latin-1")
    data = pdu.encode_short_message(
        pdu.DELIVER_SM,
        1,
        pdu.encode_addresses_head(source, 1, 1, 5, 0),
        destination,
        pdu.encode_options(esm_class, "", 0, coding),
        raw,
        tlvs,
    )
    return ReceiptReader(own_states).read(data, pdu.HEADER_LENGTH, len(data))
