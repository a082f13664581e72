"""Receipts that break the standard in a trifle are read; what would be a guess is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.receipt import UnreadableReceipt
from connectors.carriers.smpp.receipt_reader import ReceiptReader
from connectors.simulator.notice import Notice, ReceiptForm, ReceiptHead, encode_notices
from infra.settings.carriers import SmppSettings
from schemas.values.receipt_states import NUMBERS
from tests.support.smpp_receipts import STANDARD, read


def told(text: str | bytes, **given: Any) -> tuple[str, str, str]:
    """Id, state and code of what must be readable."""
    receipt = read(text, **given)
    assert receipt is not None
    return receipt.carrier_message_id, receipt.state, receipt.code


def whole(
    text: bytes = STANDARD.encode(),
    *,
    size: int | None = None,
    behind: bytes = b"",
    service: bytes = b"",
    source: bytes = b"4915112345678",
    destination: bytes = b"Sluice",
    validity: bytes = b"",
) -> bytes:
    """A body written by hand, with whatever the standard forbids."""
    return b"%b\0\1\1%b\0\5\0%b\0\4\0\0\0%b\0\0\0\0\0%c%b%b" % (
        service,
        source,
        destination,
        validity,
        len(text) if size is None else size,
        text,
        behind,
    )


def told_of(body: bytes) -> tuple[str, str, str]:
    receipt = ReceiptReader().read(b"#" + body + b"#", 1, 1 + len(body))
    assert receipt is not None
    return receipt.carrier_message_id, receipt.state, receipt.code


FULL = ("0123456789", "DELIVRD", "000")
STATE_TLV = pdu.encode_tlv(pdu.TLV_MESSAGE_STATE, b"\2")
ID_TLV = pdu.encode_tlv(pdu.TLV_RECEIPTED_MESSAGE_ID, b"0123456789\0")
SHORT = STANDARD.partition(" text:")[0].encode()


@pytest.mark.parametrize(
    "body",
    [
        whole(behind=b"\0"),
        whole(behind=b"\n"),
        whole(behind=b"\0\0\0"),
        whole(SHORT, behind=b"\0"),
        whole(SHORT, size=len(SHORT) - 1),
        whole(SHORT, size=len(SHORT) + 1),
        whole(size=255),
        whole(size=0),
        *(whole(SHORT, size=len(SHORT) + step, behind=ID_TLV + STATE_TLV) for step in (-1, 1)),
        whole(behind=STATE_TLV + b"\0"),
        whole(behind=STATE_TLV + ID_TLV[:-4]),
        whole(behind=b"\x04\x27\0\x09\2"),
        whole(behind=pdu.encode_tlv(0x1400, b"vendor")),
        whole(behind=pdu.encode_tlv(0x7777, b"x" * 300)),
        whole(behind=pdu.encode_tlv(pdu.TLV_RECEIPTED_MESSAGE_ID, b"0123456789\0" + b"\0" * 300)),
        whole(behind=pdu.encode_tlv(pdu.TLV_RECEIPTED_MESSAGE_ID, b"0123456789")),
        whole(behind=b"\0\x1e\0\x41" + b"0123456789\0"),
        whole(service=b"TOOLONG"),
        whole(source=b"1" * 21),
        whole(destination=b"2" * 40),
        whole(validity=b"0" * 40),
    ],
)
def test_a_body_that_breaks_the_standard_in_a_trifle_is_read(body: bytes) -> None:
    assert told_of(body) == FULL


@pytest.mark.parametrize(
    "text",
    [
        STANDARD.replace("stat:", "state:"),
        STANDARD.replace("stat:", "STATUS="),
        STANDARD.replace(" sub:001", ""),
        STANDARD.replace(" dlvrd:001", ""),
        STANDARD.replace(" ", ","),
        STANDARD.replace(" ", ", "),
        STANDARD.replace(" ", ";"),
        STANDARD.replace("id:", "msg_id:"),
        STANDARD.replace("id:", "Message ID: "),
        STANDARD.replace("err:", "error code:"),
        "text:Hello " + STANDARD.partition(" text:")[0],
        "text:id:99 stat:UNDELIV " + STANDARD.partition(" text:")[0],
        STANDARD.replace(" ", "|"),
        STANDARD.replace(" ", "\r\n"),
        STANDARD.replace("err:000", "err:000\0"),
        STANDARD.replace("DELIVRD", "DELIVRD\0"),
        STANDARD.replace("id:0123456789", "id:\x0001234\x0056789"),
        STANDARD.replace("2603041730", "2026-03-04 17:30:00"),
        STANDARD.replace("err:000", "err:'000'"),
        "Receipt: " + STANDARD,
    ],
)
def test_more_spellings_are_read(text: str) -> None:
    assert told(text) == FULL
    assert told(text, coding=8) == FULL, "ASCII under data_coding 8"
    assert told(text.encode("utf-16-be")[:254], coding=8)[:2] == FULL[:2]


def test_ucs2_of_any_kind_is_read() -> None:
    cyrillic = "id:77 stat:DELIVRD err:0 text:\u041f\u0440\u0438"
    for raw, coding in (
        (cyrillic.encode("utf-16-be"), 8),
        (cyrillic.encode("utf-16-le"), 8),
        (cyrillic.encode("utf-16"), 8),
        (cyrillic.encode("utf-16-be"), 0),
        (cyrillic.encode("utf-8"), 8),
        (cyrillic.encode("utf-8"), 0),
    ):
        assert told(raw, coding=coding) == ("77", "DELIVRD", "0")


def test_what_is_missing_in_the_text_may_stand_in_the_parameters() -> None:
    assert told("stat:DELIVRD err:000", tlvs=ID_TLV) == FULL
    assert told("id:0123456789 err:000", tlvs=STATE_TLV) == FULL
    assert told("id: stat:DELIVRD err:000", tlvs=ID_TLV) == FULL
    assert told("", tlvs=pdu.encode_tlv(pdu.TLV_MESSAGE_PAYLOAD, STANDARD.encode())) == FULL
    assert told("Hello", tlvs=pdu.encode_tlv(pdu.TLV_MESSAGE_PAYLOAD, STANDARD.encode())) == FULL


def test_parameters_tell_a_receipt_whatever_esm_class_says() -> None:
    assert told(STANDARD, esm_class=0, tlvs=ID_TLV) == told(STANDARD, esm_class=0, tlvs=STATE_TLV) == FULL
    assert read(STANDARD, esm_class=0, tlvs=pdu.encode_tlv(0x1400, b"vendor")) is None


def test_a_user_data_header_that_is_none_is_text() -> None:
    assert told(STANDARD, esm_class=0x44) == FULL
    assert told(b"\5\0\3\1\1\1" + STANDARD.encode(), esm_class=0x44) == FULL


@pytest.mark.parametrize(
    ("written", "state"),
    [
        ("FAILED", "UNDELIV"),
        ("SKIPPED", "UNDELIV"),
        ("EXPIRE", "EXPIRED"),
        ("SCHEDULED", "ENROUTE"),
        ("BUFFRED", "ENROUTE"),
        ("ACKED", "ACCEPTD"),
        ("ACCEPTED", "ACCEPTD"),
        ("Un-Deliverable", "UNDELIV"),
        ("en_route", "ENROUTE"),
        ("rejected", "REJECTD"),
        ("UNKNOWN", "UNKNOWN"),
        ("deleted", "DELETED"),
    ],
)
def test_states_in_any_spelling(written: str, state: str) -> None:
    assert told(f"id:7 stat:{written} err:1")[1] == state


@pytest.mark.parametrize(
    ("octets", "text", "state"),
    [
        (b"\0", "DELIVRD", "DELIVRD"),
        (b"\1", "DELIVRD", "DELIVRD"),
        (b"\7", "DELIVRD", "DELIVRD"),
        (b"\xc8", "DELIVRD", "DELIVRD"),
        (b"\2", "UNDELIV", "DELIVRD"),
        (b"\5", "ENROUTE", "UNDELIV"),
        (b"\x09", "", "UNDELIV"),
        (b"\0", "", "ENROUTE"),
        (b"\0\0\0\2", "", "DELIVRD"),
        (b"\2\0\0\0", "", "DELIVRD"),
        (b"DELIVRD\0", "", "DELIVRD"),
        (b"", "DELIVRD", "DELIVRD"),
        (b"\2", "STRANGE", "DELIVRD"),
    ],
)
def test_of_two_states_the_one_that_says_more_counts(octets: bytes, text: str, state: str) -> None:
    tlvs = pdu.encode_tlv(pdu.TLV_MESSAGE_STATE, octets)
    assert told(f"id:7 stat:{text} err:1" if text else "id:7 err:1", tlvs=tlvs)[1] == state


@pytest.mark.parametrize(
    ("text", "tlvs"),
    [
        ("id:7 stat:STRANGE err:1", b""),
        ("id:7", pdu.encode_tlv(pdu.TLV_MESSAGE_STATE, b"\xc8")),
        ("id:7 stat:NOVEL", pdu.encode_tlv(pdu.TLV_MESSAGE_STATE, b"\x0a")),
        (STANDARD.replace("DELIVRD", "HALFWAY"), b""),
    ],
)
def test_a_state_in_no_table_is_no_guess(text: str, tlvs: bytes) -> None:
    with pytest.raises(UnreadableReceipt, match="in no table"):
        read(text, tlvs=tlvs)


def test_a_carriers_own_words_are_understood() -> None:
    own = SmppSettings(
        host="h", port=1, system_id="s", receipt_states={"Sent_OK": "delivered", "200": "rejected", "UNKNOWN": "no_change"}
    ).own_states
    assert told("id:7 stat:SENT-OK err:1", own_states=own)[1] == "DELIVRD"
    assert told(STANDARD.replace("DELIVRD", "sentok"), own_states=own)[1] == "DELIVRD"
    assert told("id:7", tlvs=pdu.encode_tlv(pdu.TLV_MESSAGE_STATE, b"\xc8"), own_states=own)[1] == "REJECTD"
    assert told(STANDARD.replace("DELIVRD", "UNKNOWN"), own_states=own)[1] == "ENROUTE"
    with pytest.raises(ValueError, match=r"receipt_states\.X: 'gone' should be 'delivered', 'undelivered'"):
        SmppSettings.from_columns({"host": "h", "port": 1, "system_id": "s", "receipt_states": {"X": "gone"}}, "p")


@pytest.mark.parametrize(
    ("tlv", "text", "first", "other"),
    [
        (b"ABC-1\0", "abc1", "ABC-1", "abc1"),
        (b"0\0", "77", "77", "0"),
        (b"\0", "77", "77", ""),
        (b"4d\0", "77", "4d", "77"),
        (b"77", "77", "77", ""),
        (b"7" * 300, "8", "7" * 128, "8"),
    ],
)
def test_both_ids_are_told(tlv: bytes, text: str, first: str, other: str) -> None:
    receipt = read(f"id:{text} stat:DELIVRD", tlvs=pdu.encode_tlv(pdu.TLV_RECEIPTED_MESSAGE_ID, tlv))
    assert receipt is not None and (receipt.carrier_message_id, receipt.other_id) == (first, other)


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("id:12,34 sub:001 stat:DELIVRD", "12,34"),
        ("id:12,34, stat:DELIVRD", "12,34"),
        ("id:12,34,stat:DELIVRD", "12,34"),
        ("id:a;b|c stat:DELIVRD", "a;b|c"),
        ("stat:DELIVRD,id:5,6", "5,6"),
        ('id:"a b" stat:DELIVRD', "a b"),
        ("id:urn:x:9 stat:DELIVRD", "urn:x:9"),
        ("id:<a@b.c> stat:DELIVRD", "<a@b.c>"),
    ],
)
def test_ids_may_hold_separators(text: str, id_: str) -> None:
    assert told(text)[0] == id_


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        ("4915112345678", b"4930123456", ("4915112345678", "4930123456")),
        ("Sluice", b"+4915112345678", ("4915112345678", "")),
        ("12345", b"4915112345678", ("4915112345678", "12345")),
        ("Shop24", b"015112345678", ("015112345678", "24")),
        ("", b"", ("", "")),
    ],
)
def test_addresses_may_not_be_swapped(source: str, destination: bytes, expected: tuple[str, str]) -> None:
    reader = ReceiptReader()
    body = whole(source=source.encode(), destination=destination)
    for _ in range(2):
        receipt = reader.read(body, 0, len(body))
        assert receipt is not None and (receipt.destination, receipt.other_address) == expected


@given(
    st.text("0123456789abcdefABCDEF-._,;:<>@ZYX", min_size=1, max_size=64).filter(lambda id_: id_.strip("0,;:")),
    st.sampled_from(sorted(NUMBERS)),
    st.sampled_from(["text", "tlv", "both"]),
    st.booleans(),
)
def test_what_the_simulator_writes_is_read(id_: str, state: str, form: ReceiptForm, odd: bool) -> None:
    fate = ReceiptHead(state=state, sender=b"Sluice", submitted_at=1_772_645_000)
    notice = Notice(receipt_id=id_.encode(), handset=b"4915112345678", fate=fate)
    [data] = encode_notices([notice], form, 1, 1_772_645_400)
    body = data[pdu.HEADER_LENGTH :] + (b"\0" if odd else b"")
    receipt = ReceiptReader().read(body, 0, len(body))
    assert receipt is not None
    assert (receipt.state, receipt.destination) == (state, "4915112345678")
    assert receipt.carrier_message_id == id_ or (form == "text" and id_[-1] in ",;:")
